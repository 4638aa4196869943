#include "engine/storage.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "engine/ask.h"
#include "engine/words.h"
#include "io/base64.h"
#include "io/json.h"

enum { LIST_LIMIT_BYTES = 256 * 1024 * 1024 };

static int ask_storage(struct engine *e, const char *info_format, struct error *err)
{
	autoresult struct process_result result = {0};

	if (ask(e, STORAGE_COMMAND(e, "info", "--format", info_format), &result, err) < 0)
		return -1;
	const char *text = strbuf_text(&result.out);
	size_t driver = strcspn(text, " \n");

	e->storage_driver = arena_strndup(e->arena, text, driver);
	if (text[driver] == ' ' && text[driver + 1] == '/')
		e->storage = arena_strndup(e->arena, text + driver + 1, strcspn(text + driver + 1, "\n"));
	const char *options = strchr(text, '\n');

	e->has_more_storage = !options || strstr(options, "imagestore");
	return 0;
}

/* Where / is an overlay itself, as in docker's containers, there can be no other on top of it: the clients then take vfs by themselves, but once only, and refuse
   at their next call because of what they left trying. So every call says it. */
static int settle(struct engine *e, const char *info_format, struct error *err)
{
	static const char *const vfs[] = {"--storage-driver", "vfs", NULL};
	autoerror struct error first = {0};
	int failed = ask_storage(e, info_format, &first);

	if (failed ? !strstr(first.text, "graph driver") : strcmp(e->storage_driver, "vfs") != 0) {
		if (failed)
			error_move(err, &first);
		return failed;
	}
	e->options = vfs;
	e->note = arena_printf(
		e->arena,
		"%s has no overlay here and keeps a whole copy of the files of each stage (by hand: '%s --storage-driver vfs images'): slow, and "
		"30 GB where 10 would do; a volume at /var/lib/containers mends that, or 'apt-get install fuse-overlayfs' where there is a /dev/fuse",
		e->driver->name, e->driver->name);
	return ask_storage(e, info_format, err);
}

/* "buildah version 1.28.2 (image-spec ...)", "podman version 4.3.1" */
static int ask_version(struct engine *e, struct error *err)
{
	autoresult struct process_result result = {0};
	const char *name = e->driver->name, *prefix = arena_printf(e->arena, "%s version ", name);

	if (ask_words(e, &result, err, e->program, "--version") < 0)
		return -1;
	const char *text = strbuf_text(&result.out);

	if (!text_starts_with(text, prefix))
		return error_set(err, ERR_ENGINE, "'%s --version' answers '%.*s'; this is not %s", e->program, (int)strcspn(text, "\n"), text, name);
	text += strlen(prefix);
	e->version = arena_strndup(e->arena, text, strcspn(text, " \n"));
	return 0;
}

int storage_probe(struct engine *e, const char *info_format, struct error *err)
{
	const char *name = e->driver->name;
	autofree char *program = process_find(name), *unshare = process_find("unshare");

	if (!program)
		return error_set(err, ERR_NOT_FOUND, "'%s' is not in PATH; 'apt-get install %s' mends that", name, name);
	e->program = arena_strdup(e->arena, program);
	if (ask_version(e, err) < 0)
		return -1;
	e->reads_zstd = true;
	/* Its storage must open, or every build fails one by one. */
	if (settle(e, info_format, err) < 0)
		return error_hint(err, "'%s info' says more; as another user than root it needs ranges in /etc/subuid and /etc/subgid", e->program);
	/* With chroot isolation there is no way to take the network away; the kernel has one, for root. */
	if (unshare && geteuid() == 0)
		e->unshare = arena_strdup(e->arena, unshare);
	return 0;
}

int storage_tag(struct engine *e, const char *from, const char *to, struct error *err)
{
	return ask(e, STORAGE_COMMAND(e, "tag", from, to), NULL, err);
}

bool storage_is_unknown(const struct error *err)
{
	return err->code == ERR_ENGINE && (strstr(err->text, "image not known") || strstr(err->text, "no such image"));
}

int storage_untag(struct engine *e, const char *tag, struct error *err)
{
	if (ask(e, STORAGE_COMMAND(e, "rmi", tag), NULL, err) == 0)
		return 0;
	if (!storage_is_unknown(err))
		return -1;
	error_release(err);
	return 0;
}

int storage_read_image(struct engine *e, const char *tag, const struct storage_texts *texts, struct image *ret, struct error *err)
{
	const char *name = arena_printf(e->arena, "the configuration of '%s'", tag);
	struct image image = {0};

	if (image_read_config(e->arena, name, texts->config, strlen(texts->config), &image, err) < 0)
		return -1;
	if (!text_equal(image.config_digest, texts->id))
		return error_set(err, ERR_ENGINE, "%s: the configuration of '%s' has digest %s, not its id", e->driver->name, tag, image.config_digest);
	name = arena_printf(e->arena, "the manifest of '%s'", tag);
	if (image_read_manifest(e->arena, name, texts->manifest, strlen(texts->manifest), &image, err) < 0)
		return -1;
	*ret = image;
	return 0;
}

/* Names beyond lower-case letters, digits and dots are written in base64. */
static const char *kept_name(struct arena *a, const char *key)
{
	autostrbuf struct strbuf out = {0};

	if (strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789.") == strlen(key))
		return key;
	strbuf_add_char(&out, '=');
	base64_add(&out, key, strlen(key));
	return arena_strdup(a, strbuf_text(&out));
}

static int read_kept(struct engine *e, const char *id, const char *key, const char **ret, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	const char *path = arena_printf(e->arena, "%s/%s-images/%s/%s", e->storage, e->storage_driver, id, kept_name(e->arena, key));

	if (file_read(path, IMAGE_TEXT_MAX_BYTES, &text, err) < 0)
		return error_wrap(err, "%s: cannot see how its storage keeps image '%s'", e->driver->name, id);
	*ret = arena_strndup(e->arena, strbuf_text(&text), text.length);
	return 0;
}

int storage_find_texts(struct engine *e, struct storage_texts *texts, struct error *err)
{
	const char *id = texts->id + strlen("sha256:");

	if (!image_is_digest(texts->id) || !e->storage)
		return error_set(err, ERR_ENGINE, "%s does not say where its storage is, or an image's id", e->driver->name);
	return read_kept(e, id, texts->id, &texts->config, err) < 0 || read_kept(e, id, "manifest", &texts->manifest, err) < 0 ? -1 : 0;
}

int storage_images(struct engine *e, struct arena *a, struct value **ret, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	const char *path = arena_printf(a, "%s/%s-images/images.json", e->storage ? e->storage : "", e->storage_driver);

	if (file_read(path, LIST_LIMIT_BYTES, &text, err) < 0)
		return -1;
	return json_parse(a, path, strbuf_text(&text), text.length, ret, err);
}

/* "localhost/...:tag", "registry:5000/...:tag": the client looks for it under this name alone. That of Docker Hub has several: "index.docker.io/debian:12" is
   "docker.io/library/debian:12". */
static bool is_whole_name(const char *tag)
{
	static const char path_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
	size_t host = strcspn(tag, "/");
	const char *colon = strrchr(tag, ':');

	/* What no name can be is for the client to refuse. */
	return tag[host] == '/' && tag + host + strspn(tag + host, path_letters) == colon && !strstr(tag, "//") && !strchr(tag, '@') && colon &&
	       colon > tag + host && !strchr(colon, '/') && !text_starts_with(tag, "docker.io/") && !text_starts_with(tag, "index.docker.io/") &&
	       (text_starts_with(tag, "localhost/") || memchr(tag, '.', host) || memchr(tag, ':', host));
}

static bool has_name(const struct value *image, const char *name)
{
	const struct value *names = value_get(image, "names");

	for (size_t i = 0; names && names->kind == VALUE_ARRAY && i < names->item_count; i++) {
		if (text_equal(names->items[i]->text, name))
			return true;
	}
	return false;
}

enum storage_word storage_look(struct engine *e, const char *tag, struct image *ret)
{
	autoerror struct error ignored = {0};
	autoarena struct arena scratch = {0};
	struct storage_texts texts = {0};
	struct value *list;

	/* The list is replaced by renaming, so it is always whole. */
	if (!is_whole_name(tag) || !e->storage || storage_images(e, &scratch, &list, &ignored) < 0 || list->kind != VALUE_ARRAY)
		return STORAGE_UNSURE;
	for (size_t i = 0; i < list->item_count && !texts.id; i++) {
		const char *id = value_get_text(list->items[i], "id");

		if (!has_name(list->items[i], tag))
			continue;
		if (!id)
			return STORAGE_UNSURE;
		texts.id = arena_printf(e->arena, "sha256:%s", id);
	}
	if (!texts.id)
		return e->has_more_storage ? STORAGE_UNSURE : STORAGE_LACKS;
	return storage_find_texts(e, &texts, &ignored) < 0 || storage_read_image(e, tag, &texts, ret, &ignored) < 0 ? STORAGE_UNSURE : STORAGE_HAS;
}

int storage_tell(struct engine *e, const char *tag, const struct image *image, struct engine_image *ret, struct error *err)
{
	const char **layers = arena_array(e->arena, image->layer_count + 1, sizeof(*layers));
	struct value *config;

	if (json_parse(e->arena, tag, image->config, image->config_length, &config, err) < 0)
		return -1;
	const char *created = value_get_text(config, "created");

	*ret = (struct engine_image){
		.id = image->config_digest, .digest = image->digest, .created = created ? created : "", .layers = layers, .layer_count = image->layer_count};
	for (size_t i = 0; i < image->layer_count; i++) {
		layers[i] = image->layers[i].diff_id;
		ret->size_bytes += image->layers[i].size_bytes;
	}
	return 0;
}

/* The layers lie by their digests, each a file. The client keeps the types that they came with, however it writes them. */
static int place_layers(struct arena *a, const char *folder, struct image *image, struct error *err)
{
	bool are_as_told = true;

	for (size_t i = 0; i < image->layer_count; i++) {
		struct image_layer *l = &image->layers[i];

		l->path = path_join(a, folder, l->digest + strlen("sha256:"));
		const char *type = image_type_of_file(l->path);

		are_as_told &= !strcmp(type, l->media_type);
		l->media_type = type;
	}
	return are_as_told ? 0 : image_set_manifest(a, image, err);
}

int storage_save(struct engine *e, const char *tag, const char *const *push, const char *folder, struct image *ret, struct error *err)
{
	autostrbuf struct strbuf manifest = {0};
	struct words w = {.arena = e->arena};
	struct image image;
	const char *path = path_join(e->arena, folder, "manifest.json");

	if (e->driver->describe(e, tag, &image, err) < 0)
		return -1;
	words_add_all(&w, push);
	words_add_many(&w, tag, arena_printf(e->arena, "dir:%s", folder));
	if (ask_patiently(e, w.items, err) < 0)
		return error_wrap(err, "%s: cannot save '%s'", e->driver->name, tag);
	if (file_read(path, IMAGE_TEXT_MAX_BYTES, &manifest, err) < 0 ||
	    image_read_manifest(e->arena, path, strbuf_text(&manifest), manifest.length, &image, err) < 0)
		return -1;
	if (place_layers(e->arena, folder, &image, err) < 0)
		return -1;
	*ret = image;
	return 0;
}
