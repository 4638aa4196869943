#include "engine/list.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "engine/ask.h"
#include "engine/words.h"

static int ask_list(struct engine *e, const char *const *rest, struct value **ret, struct error *err)
{
	struct words w = {.arena = e->arena};

	words_add(&w, e->program);
	words_add_all(&w, e->options);
	words_add_all(&w, rest);
	return ask_json(e, w.items, ret, err);
}
#define ASK_LIST(e, ret, err, ...) ask_list((e), (const char *const[]){__VA_ARGS__, NULL}, (ret), (err))

static size_t count_of(const struct value *list)
{
	return list && list->kind == VALUE_ARRAY ? list->item_count : 0;
}

/* "123 MB" */
static uint64_t read_size(const char *text)
{
	static const char units[] = "kMGTP";
	double number = 0;
	char unit = 'B';

	if (!text || sscanf(text, "%lf %c", &number, &unit) < 1 || number < 0)
		return 0;
	const char *found = unit ? strchr(units, unit) : NULL;

	for (const char *p = units; found && p <= found; p++)
		number *= 1000;
	return (uint64_t)number;
}

static const char *full_id(struct engine *e, const char *id)
{
	return !id || !*id ? NULL : text_starts_with(id, "sha256:") ? id : arena_printf(e->arena, "sha256:%s", id);
}

static void add_names(struct engine *e, const struct value *names, const struct engine_tag *image, struct engine_listing *ret)
{
	for (size_t i = 0; i < count_of(names); i++) {
		struct engine_tag one = *image;

		one.name = names->items[i]->text;
		if (one.name && one.id)
			*arena_push(e->arena, &ret->tags, &ret->tag_count) = one;
	}
}

int buildah_list(struct engine *e, struct engine_listing *ret, struct error *err)
{
	struct engine_listing out = {0};
	struct value *images, *containers;

	if (ASK_LIST(e, &images, err, "images", "--json", "--no-trunc") < 0 ||
	    ASK_LIST(e, &containers, err, "containers", "--all", "--json", "--notruncate") < 0)
		return -1;
	for (size_t i = 0; i < count_of(images); i++) {
		const struct value *v = images->items[i];
		struct engine_tag image = {.id = full_id(e, value_get_text(v, "id")), .size_bytes = read_size(value_get_text(v, "size"))};

		value_get_integer(v, "created", &image.created_unix);
		add_names(e, value_get(v, "names"), &image, &out);
	}
	for (size_t i = 0; i < count_of(containers); i++) {
		const struct value *v = containers->items[i];
		const char *name = value_get_text(v, "containername"), *image = value_get_text(v, "imagename");

		*arena_push(e->arena, &out.containers, &out.container_count) =
			(struct engine_container){.name = name ? name : "", .image = image ? image : "", .id = full_id(e, value_get_text(v, "imageid"))};
	}
	*ret = out;
	return 0;
}

int podman_list(struct engine *e, struct engine_listing *ret, struct error *err)
{
	struct engine_listing out = {0};
	struct value *images, *containers;
	int64_t size;

	if (ASK_LIST(e, &images, err, "images", "--no-trunc", "--format", "json") < 0 ||
	    ASK_LIST(e, &containers, err, "ps", "--all", "--external", "--no-trunc", "--format", "json") < 0)
		return -1;
	for (size_t i = 0; i < count_of(images); i++) {
		const struct value *v = images->items[i];
		struct engine_tag image = {.id = full_id(e, value_get_text(v, "Id"))};
		bool seen = false;

		/* It lists an image once for each of its names, each time with all of them. */
		for (size_t j = 0; j < out.tag_count; j++)
			seen = seen || text_equal(out.tags[j].id, image.id);
		value_get_integer(v, "Created", &image.created_unix);
		image.size_bytes = value_get_integer(v, "Size", &size) && size > 0 ? (uint64_t)size : 0;
		if (!seen)
			add_names(e, value_get(v, "Names"), &image, &out);
	}
	for (size_t i = 0; i < count_of(containers); i++) {
		const struct value *v = containers->items[i], *names = value_get(v, "Names");
		const char *image = value_get_text(v, "Image"), *name = count_of(names) ? names->items[0]->text : NULL;

		*arena_push(e->arena, &out.containers, &out.container_count) =
			(struct engine_container){.name = name ? name : "", .image = image ? image : "", .id = full_id(e, value_get_text(v, "ImageID"))};
	}
	*ret = out;
	return 0;
}
