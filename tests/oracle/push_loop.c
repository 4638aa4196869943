/* Pushes files as an image's layers: push_loop REGISTRY REPOSITORY TAG FROM|- FILE...; the registry is spoken to without TLS. Prints what was sent, mounted, there. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "io/digest.h"
#include "io/json.h"
#include "registry/push.h"

int main(int argc, char **argv)
{
	static const char media_type[] = "application/vnd.oci.image.manifest.v1+json";
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf manifest = {0};
	struct json_writer w = {.out = &manifest, .compact = true};
	struct push_counts counts = {0};
	char hex[DIGEST_HEX_LENGTH + 1];
	bool subject;

	if (argc < 6)
		return 2;
	const char *plain[] = {argv[1], NULL};
	struct registries *all = registries_new(&(struct registry_settings){.plain_http = plain}, &err);
	struct push *p = all ? push_new(all, argv[1]) : NULL;

	if (!p)
		return 1;
	digest_bytes("{}", 2, hex);
	push_blob(p, argv[2], &(struct push_blob){.digest = arena_printf(&a, "sha256:%s", hex), .size_bytes = 2, .bytes = "{}"});
	json_begin_object(&w, NULL);
	json_add_integer(&w, "schemaVersion", 2);
	json_add_text(&w, "mediaType", media_type);
	json_begin_object(&w, "config");
	json_add_text(&w, "mediaType", "application/vnd.oci.empty.v1+json");
	json_add_text(&w, "digest", arena_printf(&a, "sha256:%s", hex));
	json_add_integer(&w, "size", 2);
	json_end_object(&w);
	json_begin_array(&w, "layers");
	for (int i = 5; i < argc; i++) {
		if (digest_file(argv[i], hex, &err) < 0)
			break;
		const char *digest = arena_printf(&a, "sha256:%s", hex);

		push_blob(p, argv[2],
			  &(struct push_blob){
				  .digest = digest, .size_bytes = file_size(argv[i]), .path = argv[i], .from = strcmp(argv[4], "-") != 0 ? argv[4] : NULL});
		json_begin_object(&w, NULL);
		json_add_text(&w, "mediaType", "application/vnd.oci.image.layer.v1.tar+gzip");
		json_add_text(&w, "digest", digest);
		json_add_integer(&w, "size", file_size(argv[i]));
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	if (!error_is_set(&err) && push_run(p, &counts, &err) == 0)
		push_manifest(all, argv[1], argv[2], argv[3], media_type, manifest.text, manifest.length, &subject, &err);
	push_free(p);
	registries_free(all);
	if (error_is_set(&err)) {
		fprintf(stderr, "error: %s\n", err.text);
		return 1;
	}
	printf("sent %u mounted %u there %u bytes %llu\n", counts.sent, counts.mounted, counts.there, (unsigned long long)counts.sent_bytes);
	return 0;
}
