/* Makes one layer of wheels: layer_loop OUT VENV WHEEL...; with OUT "-" in the store, or takes it from there. Prints its digests and sizes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "layer/made.h"
#include "python/wheel.h"

int main(int argc, char **argv)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct layer_made layer;

	if (argc < 4)
		return 2;
	size_t count = (size_t)argc - 3;
	struct layer_wheel *wheels = arena_array(&a, count, sizeof(*wheels));
	const char *venv = argv[2];
	struct install_place place = {
		.purelib = arena_printf(&a, "%s/lib/python3.11/site-packages", venv),
		.platlib = arena_printf(&a, "%s/lib/python3.11/site-packages", venv),
		.scripts = arena_printf(&a, "%s/bin", venv),
		.data = venv,
		.headers = arena_printf(&a, "%s/include/site/python3.11", venv),
		.python = arena_printf(&a, "%s/bin/python", venv),
		.version = "3.11",
	};

	for (size_t i = 0; i < count; i++) {
		struct wheel_name name;

		if (!wheel_name_parse(&a, path_base(argv[3 + i]), &name))
			return 2;
		char *sha256 = arena_alloc(&a, DIGEST_HEX_LENGTH + 1);

		if (digest_file(argv[3 + i], sha256, &err) < 0)
			return 1;
		wheels[i] = (struct layer_wheel){
			.path = argv[3 + i], .sha256 = sha256, .options = {.file_name = path_base(argv[3 + i]), .name = name.name, .is_requested = true}};
	}
	struct layer_request request = {.wheels = wheels, .wheel_count = count, .place = &place, .modified_unix = 315532800};
	bool is_kept = !strcmp(argv[1], "-"), made = true;
	autofd int fd = is_kept ? -1 : open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if ((is_kept ? layer_take(&request, &layer, &made, &err) : layer_write(&request, fd, argv[1], &layer, &err)) < 0) {
		fprintf(stderr, "error: %s\n", err.text);
		return 1;
	}
	printf("%s %s %llu %llu %llu %zu %s\n", layer.digest, layer.diff_id, (unsigned long long)layer.packed_bytes, (unsigned long long)layer.plain_bytes,
	       (unsigned long long)layer.installed_bytes, layer.file_count, made ? "made" : "kept");
	return 0;
}
