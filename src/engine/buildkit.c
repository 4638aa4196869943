/* BuildKit without docker: `buildctl` and a buildkitd, on this machine or another. buildkitd keeps no images, only a cache; they are in an OCI layout of our own, from which
   a stage goes to it when it lacks it. What is built comes back by links: layers that it stands on are lent to the folder that buildctl writes. */
#include "engine/buildkit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/pid.h"
#include "base/text.h"
#include "engine/ask.h"
#include "engine/buildkit_parts.h"
#include "io/digest.h"
#include "io/json.h"

#define DEFAULT_ADDRESS "unix:///run/buildkit/buildkitd.sock"
enum { DOCKERFILE_LIMIT_BYTES = 4 * 1024 * 1024 };

static const char *const proxy_names[] = {"http_proxy",  "https_proxy", "no_proxy",  "all_proxy", "HTTP_PROXY",
					  "HTTPS_PROXY", "NO_PROXY",    "ALL_PROXY", "ftp_proxy", "FTP_PROXY"};

int buildkit_layout(struct engine *e, struct oci_layout *ret, struct error *err)
{
	return oci_layout_open(e->arena, e->storage, ret, err);
}

void buildkit_command(struct engine *e, struct words *w)
{
	*w = (struct words){.arena = e->arena};
	words_add(w, e->program);
	words_add_all(w, e->options);
}

/* ---- asking it ---- */

/* "BuildKit: github.com/moby/buildkit v0.26.3 <commit>" */
static int ask_version(struct engine *e, const char *address, struct error *err)
{
	autoresult struct process_result result = {0};
	struct words w;
	static const char said[] = "BuildKit: ";

	buildkit_command(e, &w);
	words_add_many(&w, "debug", "info");
	if (process_run(&(struct process_spec){.argv = w.items, .timeout_ms = 20000}, &result, err) < 0)
		return -1;
	const char *text = strbuf_text(&result.out);

	if (result.exit_status != 0 || !text_starts_with(text, said)) {
		error_set(err, ERR_ENGINE, "buildkitd at '%s': %s", address, ask_complaint(e->arena, &result));
		return error_hint(err, "start it ('buildkitd --addr %s'), or set BUILDKIT_HOST to the address of one that runs", address);
	}
	text += strlen(said);
	text += strcspn(text, " \n");
	text += strspn(text, " v");
	e->version = arena_strndup(e->arena, text, strcspn(text, " \n"));
	return 0;
}

static int find_program(struct engine *e, struct error *err)
{
	autofree char *program = process_find("buildctl");

	if (!program)
		return error_set(err, ERR_NOT_FOUND, "'buildctl' is not in PATH; it comes with BuildKit, https://github.com/moby/buildkit/releases");
	e->program = arena_strdup(e->arena, program);
	return 0;
}

int buildkit_open(struct engine *e, const struct buildkit_address *at, struct error *err)
{
	struct words options = {.arena = e->arena};
	struct oci_layout layout;

	e->driver = &engine_buildkit;
	if (find_program(e, err) < 0)
		return -1;
	words_add_many(&options, "--addr", at->address);
	if (at->ca)
		words_add_many(&options, "--tlscacert", at->ca);
	if (at->cert)
		words_add_many(&options, "--tlscert", at->cert);
	if (at->key)
		words_add_many(&options, "--tlskey", at->key);
	e->options = options.items;
	e->reads_zstd = true;
	e->storage = path_join(e->arena, path_cache_dir(e->arena), "buildkit");
	if (ask_version(e, at->address, err) < 0)
		return -1;
	return buildkit_layout(e, &layout, err);
}

bool buildkit_open_images(struct engine *e)
{
	const char *storage = path_join(e->arena, path_cache_dir(e->arena), "buildkit");

	*e = (struct engine){.arena = e->arena, .driver = &engine_buildkit, .program = "buildctl", .storage = storage};
	return file_exists(path_join(e->arena, storage, "index.json"));
}

static int buildkit_probe(struct engine *e, struct error *err)
{
	const char *address = getenv("BUILDKIT_HOST");

	return buildkit_open(e, &(struct buildkit_address){.address = address && *address ? address : DEFAULT_ADDRESS}, err);
}

/* ---- building ---- */

const char *buildkit_csv(struct engine *e, const char *key, const char *value)
{
	autostrbuf struct strbuf out = {0};

	strbuf_printf(&out, "\"%s=", key);
	for (const char *p = value; *p; p++) {
		if (*p == '"')
			strbuf_add_char(&out, '"');
		strbuf_add_char(&out, *p);
	}
	strbuf_add_char(&out, '"');
	return arena_strdup(e->arena, strbuf_text(&out));
}

const char *buildkit_made(struct engine *e, const char *tag)
{
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_bytes(tag, strlen(tag), hex);
	return arena_printf(e->arena, "%s/made/%ld-%.16s", e->storage, (long)getpid(), hex);
}

void buildkit_add_image(struct engine *e, struct words *w, const char *name, const struct image *image, const char *repository)
{
	if (buildkit_is_elsewhere(image, repository))
		words_add_many(w, "--opt", arena_printf(e->arena, "context:%s=docker-image://%s@%s", name, repository, image->digest));
	else
		words_add_many(w, "--opt", arena_printf(e->arena, "context:%s=oci-layout://lockstep@%s", name, image->digest));
}

/* Of one "FROM image AS name": the image from the layout. One that is an earlier stage, or scratch, is none of ours. */
static int add_from(struct engine *e, const struct oci_layout *l, const struct engine_build *build, const char *name, const char *made, struct words *w,
		    struct error *err)
{
	autoerror struct error why_not = {0};
	const char *repository;
	struct image image;

	if (!strcmp(name, "scratch"))
		return 0;
	if (oci_layout_find(l, name, &image, &repository, &why_not) < 0) {
		if (why_not.code == ERR_NOT_FOUND && build->pull)
			return 0;
		error_move(err, &why_not);
		return -1;
	}
	buildkit_add_image(e, w, name, &image, repository);
	return made && !build->push ? oci_layout_lend(l, &image, made, err) : 0;
}

/* The word after FROM, where a line has it. */
static const char *from_of(struct arena *a, const char *line, size_t length)
{
	static const char from[] = "FROM ";

	if (length <= strlen(from) || strncmp(line, from, strlen(from)) != 0)
		return NULL;
	line += strlen(from);
	return arena_strndup(a, line, strcspn(line, " \r\n"));
}

static int add_froms(struct engine *e, const struct oci_layout *l, const struct engine_build *build, const char *made, struct words *w, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	if (file_read(build->dockerfile, DOCKERFILE_LIMIT_BYTES, &text, err) < 0)
		return -1;
	for (const char *p = strbuf_text(&text); *p;) {
		size_t length = strcspn(p, "\n");
		const char *name = from_of(e->arena, p, length);

		if (name && add_from(e, l, build, name, made, w, err) < 0)
			return -1;
		p += length + (p[length] == '\n');
	}
	return 0;
}

void buildkit_begin(struct engine *e, struct words *w, const char *dockerfile, const char *context, bool network)
{
	const char *slash = strrchr(dockerfile, '/');

	buildkit_command(e, w);
	words_add_many(w, "build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", arena_printf(e->arena, "context=%s", context), "--local");
	words_add(w, arena_printf(e->arena, "dockerfile=%s", !slash ? "." : arena_strndup(e->arena, dockerfile, (size_t)(slash - dockerfile + 1))));
	words_add_many(w, "--opt", arena_printf(e->arena, "filename=%s", path_base(dockerfile)));
	words_add_many(w, "--oci-layout", arena_printf(e->arena, "lockstep=%s", e->storage));
	words_add_many(w, "--opt", network ? "force-network-mode=host" : "force-network-mode=none");
	if (network)
		words_add_many(w, "--allow", "network.host");
}

static void add_proxies(struct engine *e, struct words *w, const char *const *proxies)
{
	for (size_t i = 0; i < ARRAY_LEN(proxy_names); i++) {
		if (getenv(proxy_names[i]))
			words_add_many(w, "--opt", arena_printf(e->arena, "build-arg:%s=%s", proxy_names[i], getenv(proxy_names[i])));
	}
	for (; proxies && *proxies; proxies++)
		words_add_many(w, "--opt", arena_printf(e->arena, "build-arg:%s", *proxies));
}

static int buildkit_build_argv(struct engine *e, const struct engine_build *build, const char *const **ret_argv, const char *const **ret_environment,
			       struct error *err)
{
	const char *made = buildkit_made(e, build->tag);
	struct oci_layout layout;
	struct words w;

	buildkit_begin(e, &w, build->dockerfile, build->context, build->network);
	if (file_remove_tree(made, err) < 0 || file_make_dirs(made, err) < 0 || buildkit_layout(e, &layout, err) < 0 ||
	    add_froms(e, &layout, build, made, &w, err) < 0)
		return -1;
	if (build->network)
		add_proxies(e, &w, build->proxies);
	if (build->ca_file)
		words_add_many(&w, "--secret", arena_printf(e->arena, "id=ca,%s", buildkit_csv(e, "src", build->ca_file)));
	if (build->auth_file)
		words_add_many(&w, "--secret", arena_printf(e->arena, "id=apt-auth,%s", buildkit_csv(e, "src", build->auth_file)));
	for (const char *const *l = build->labels; l && *l; l++)
		words_add_many(&w, "--opt", arena_printf(e->arena, "label:%s", *l));
	/* On the way to a folder of this machine, packing costs more than it saves. */
	if (build->push)
		words_add_many(&w, "--output", buildkit_push_output(e, build->push), "--metadata-file", buildkit_metadata(e, build->tag));
	else
		words_add_many(&w, "--output", arena_printf(e->arena, "type=oci,tar=false,compression=uncompressed,%s", buildkit_csv(e, "dest", made)));
	*ret_argv = w.items;
	*ret_environment = NULL;
	return 0;
}

static int buildkit_keep(struct engine *e, const char *tag, struct error *err)
{
	const char *made = buildkit_made(e, tag);
	struct oci_layout layout;

	if (buildkit_layout(e, &layout, err) < 0 || oci_layout_take(&layout, made, tag, NULL, err) < 0)
		return -1;
	return file_remove_tree(made, err);
}

/* Its plain progress is what docker shows of it. */
static void buildkit_read_line(const char *line, size_t length, struct engine_line *ret)
{
	engine_docker.read_line(line, length, ret);
}

/* ---- images ---- */

int buildkit_find(struct engine *e, const char *tag, struct image *ret, const char **ret_repository, struct error *err)
{
	struct oci_layout layout;

	return buildkit_layout(e, &layout, err) < 0 ? -1 : oci_layout_find(&layout, tag, ret, ret_repository, err);
}

int buildkit_describe(struct engine *e, const char *tag, struct image *ret, struct error *err)
{
	return buildkit_find(e, tag, ret, NULL, err);
}

/* The moment stands in the configuration. */
static int buildkit_inspect(struct engine *e, const char *tag, struct engine_image *ret, struct error *err)
{
	struct image image;
	struct value *config;

	if (buildkit_describe(e, tag, &image, err) < 0 || json_parse(e->arena, tag, image.config, image.config_length, &config, err) < 0)
		return -1;
	const char *created = value_get_text(config, "created");

	const char **layers = arena_array(e->arena, image.layer_count + 1, sizeof(*layers));

	*ret = (struct engine_image){
		.id = image.config_digest, .digest = image.digest, .created = created ? created : "", .layers = layers, .layer_count = image.layer_count};
	for (size_t i = 0; i < image.layer_count; i++) {
		layers[i] = image.layers[i].diff_id;
		ret->size_bytes += image.layers[i].size_bytes;
	}
	return 0;
}

static int buildkit_tag(struct engine *e, const char *from, const char *to, struct error *err)
{
	struct oci_layout layout;

	return buildkit_layout(e, &layout, err) < 0 ? -1 : oci_layout_tag(&layout, from, to, err);
}

static int buildkit_untag(struct engine *e, const char *tag, struct error *err)
{
	struct oci_layout layout;

	return buildkit_layout(e, &layout, err) < 0 ? -1 : oci_layout_untag(&layout, tag, err);
}

static int buildkit_save(struct engine *e, const char *tag, const char *folder, struct image *ret, struct error *err)
{
	const char *repository;
	struct image image;

	if (buildkit_find(e, tag, &image, &repository, err) < 0)
		return -1;
	if (buildkit_is_elsewhere(&image, repository) &&
	    (buildkit_bring(e, tag, &image, repository, err) < 0 || buildkit_find(e, tag, &image, &repository, err) < 0))
		return -1;
	for (size_t i = 0; i < image.layer_count; i++) {
		struct image_layer *layer = &image.layers[i];
		const char *to = path_join(e->arena, folder, layer->digest + strlen("sha256:"));

		if (file_link_or_copy(layer->path, to, err) < 0)
			return -1;
		layer->path = to;
	}
	*ret = image;
	return 0;
}

/* Takes from another image what it says of the layers that both begin with. True when nothing is missing any more. */
static bool learn_layers(struct image *image, const struct image *other)
{
	size_t i = 0;

	while (i < image->layer_count && i < other->layer_count && !strcmp(image->layers[i].diff_id, other->layers[i].diff_id)) {
		if (!image->layers[i].digest)
			image->layers[i] = other->layers[i];
		i++;
	}
	while (i < image->layer_count && image->layers[i].digest)
		i++;
	return i == image->layer_count;
}

/* An image whose lower layers are known by their diff ids alone: how they are packed says the one that was built of them. */
static int complete(struct engine *e, const struct oci_layout *layout, struct image *image, struct error *err)
{
	struct image_layer *layers = arena_array(e->arena, image->layer_count + 1, sizeof(*layers));
	const char *const *names;
	bool is_whole = false;
	size_t count;

	if (oci_layout_names(layout, &names, &count, err) < 0)
		return -1;
	if (image->layer_count)
		memcpy(layers, image->layers, image->layer_count * sizeof(*layers));
	image->layers = layers;
	for (size_t i = 0; i < count && !is_whole; i++) {
		autoerror struct error ignored = {0};
		struct image other;

		is_whole = oci_layout_find(layout, names[i], &other, NULL, &ignored) == 0 && learn_layers(image, &other);
	}
	return is_whole ? image_set_manifest(e->arena, image, err) : 0;
}

static int buildkit_load(struct engine *e, const struct image *image, size_t has __attribute__((unused)), const char *tag,
			 const char *temporary __attribute__((unused)), struct error *err)
{
	struct image whole = *image;
	struct oci_layout layout;

	if (buildkit_layout(e, &layout, err) < 0 || (!whole.manifest && complete(e, &layout, &whole, err) < 0))
		return -1;
	if (!whole.manifest)
		return error_set(err, ERR_NOT_FOUND, "image '%s' has layers that are no files yet", tag);
	if (buildkit_bring_below(e, &layout, &whole, err) < 0)
		return -1;
	return oci_layout_put(&layout, &whole, tag, NULL, err);
}

/* It has no containers: what runs in it is a build. */
static int buildkit_list(struct engine *e, struct engine_listing *ret, struct error *err)
{
	struct engine_listing out = {0};
	const char *const *names;
	struct oci_layout layout;
	size_t count;

	if (buildkit_layout(e, &layout, err) < 0 || oci_layout_names(&layout, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		autoerror struct error broken = {0};
		struct engine_tag tag = {.name = names[i], .id = names[i]};
		struct engine_image image;

		if (buildkit_inspect(e, names[i], &image, &broken) == 0) {
			tag.id = image.id;
			tag.size_bytes = (uint64_t)image.size_bytes;
			if (!clock_parse_rfc3339(image.created, &tag.created_unix) || tag.created_unix < 0)
				tag.created_unix = 0;
		} else if (broken.code != ERR_NOT_FOUND) {
			error_move(err, &broken);
			return -1;
		}
		*arena_push(e->arena, &out.tags, &out.tag_count) = tag;
	}
	*ret = out;
	return 0;
}

/* What builds of processes that are gone were writing. */
static int buildkit_clean(struct engine *e, enum engine_leftovers what __attribute__((unused)), struct error *err)
{
	const char *folder = path_join(e->arena, e->storage, "made");
	char **names;
	size_t count;

	if (!file_is_dir(folder))
		return 0;
	if (file_list(e->arena, folder, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		long pid = strtol(names[i], NULL, 10);

		if (pid_has_ended((pid_t)pid) && file_remove_tree(path_join(e->arena, folder, names[i]), err) < 0)
			return -1;
	}
	return 0;
}

const struct engine_driver engine_buildkit = {
	.name = "buildkit",
	.probe = buildkit_probe,
	.build_argv = buildkit_build_argv,
	.read_line = buildkit_read_line,
	.keep = buildkit_keep,
	.inspect = buildkit_inspect,
	.tag = buildkit_tag,
	.untag = buildkit_untag,
	.run = buildkit_run,
	.pull = buildkit_pull,
	.take_files = buildkit_take_files,
	.describe = buildkit_describe,
	.save = buildkit_save,
	.load = buildkit_load,
	.list = buildkit_list,
	.wake = buildkit_wake,
	.direct = &buildkit_direct,
	.clean = buildkit_clean,
};
