#include "engine/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lines.h"
#include "base/text.h"
#include "engine/ask.h"
#include "engine/words.h"

/* What is inspected all at once may be gone by then, and then all of it fails. */
enum { TRIES = 4 };

/* Up to the next tab, which becomes an end. */
static char *next_field(char **line)
{
	char *field = *line;
	size_t length = strcspn(field, "\t");

	*line = field + length + (field[length] == '\t');
	field[length] = '\0';
	return field;
}

/* What `ids` lists, each once, inspected with `format`; "" when there is none. */
static int inspect_all(struct engine *e, const char *const *ids, const char *kind, const char *format, char **ret, struct error *err)
{
	autoresult struct process_result listed = {0}, result = {0};
	struct words w = {.arena = e->arena};
	char *text, *line;

	if (ask(e, ids, &listed, err) < 0)
		return -1;
	words_add_many(&w, e->program, kind, "inspect", "--format", format);
	size_t fixed = w.count;

	text = arena_strdup(e->arena, strbuf_text(&listed.out));
	while ((line = lines_next(&text))) {
		bool seen = !*line;

		for (size_t i = fixed; i < w.count; i++)
			seen = seen || !strcmp(w.items[i], line);
		if (!seen)
			words_add(&w, line);
	}
	*ret = arena_strdup(e->arena, "");
	if (w.count == fixed)
		return 0;
	if (ask(e, w.items, &result, err) < 0)
		return -1;
	*ret = arena_strdup(e->arena, strbuf_text(&result.out));
	return 0;
}

static int inspect_patiently(struct engine *e, const char *const *ids, const char *kind, const char *format, char **ret, struct error *err)
{
	for (int i = 1;; i++) {
		autoerror struct error why_not = {0};

		if (inspect_all(e, ids, kind, format, ret, &why_not) == 0)
			return 0;
		if (i < TRIES && why_not.code == ERR_ENGINE && strstr(why_not.text, "No such"))
			continue;
		error_move(err, &why_not);
		return -1;
	}
}

int docker_list(struct engine *e, struct engine_listing *ret, struct error *err)
{
	const char *const image_ids[] = {e->program, "images", "--quiet", "--no-trunc", NULL}, *const container_ids[] = {e->program, "ps",         "--all",
															 "--quiet",  "--no-trunc", NULL};
	struct engine_listing out = {0};
	char *images, *containers, *line;

	if (inspect_patiently(e, image_ids, "image", "{{.Id}}\t{{.Size}}\t{{.Created}}{{range .RepoTags}}\t{{.}}{{end}}", &images, err) < 0 ||
	    inspect_patiently(e, container_ids, "container", "{{.Name}}\t{{.Config.Image}}\t{{.Image}}", &containers, err) < 0)
		return -1;
	while ((line = lines_next(&images))) {
		struct engine_tag tag = {.id = next_field(&line)};

		tag.size_bytes = strtoull(next_field(&line), NULL, 10);
		if (!clock_parse_rfc3339(next_field(&line), &tag.created_unix) || tag.created_unix < 0)
			tag.created_unix = 0;
		while (*line) {
			tag.name = next_field(&line);
			*arena_push(e->arena, &out.tags, &out.tag_count) = tag;
		}
	}
	while ((line = lines_next(&containers))) {
		struct engine_container c = {.name = next_field(&line)};

		c.name += *c.name == '/';
		c.image = next_field(&line);
		c.id = next_field(&line);
		*arena_push(e->arena, &out.containers, &out.container_count) = c;
	}
	*ret = out;
	return 0;
}
