#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "report/show.h"
#include "report/table.h"
#include "report/words.h"

struct printer {
	struct arena *a;
	const struct release *release;
	FILE *stream;
	size_t width;
	struct strbuf *out;
};

static void add_safe(struct printer *p, const char *text)
{
	text_escape(p->out, text, strlen(text), 0);
}

static void add_heading(struct printer *p, const char *name, const char *detail)
{
	strbuf_add(p->out, p->stream ? terminal_begin(p->stream, COLOR_BOLD) : "");
	add_safe(p, name);
	strbuf_add(p->out, p->stream ? terminal_end(p->stream) : "");
	if (*detail) {
		strbuf_add(p->out, "  ");
		add_safe(p, detail);
	}
	strbuf_add_char(p->out, '\n');
}

enum { LABEL_WIDTH = 20 };

/* "  label   a 1, b 2, c 3" with further lines under the first item. */
static void add_wrapped(struct printer *p, const char *label, const char *const *items, size_t count)
{
	size_t column = LABEL_WIDTH;

	if (!count)
		return;
	strbuf_printf(p->out, "  %-*s", LABEL_WIDTH - 2, label);
	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf item = {0};

		text_escape(&item, items[i], strlen(items[i]), 0);
		if (i && column + item.length + 2 > p->width) {
			strbuf_add_char(p->out, '\n');
			strbuf_add_repeat(p->out, ' ', LABEL_WIDTH);
			column = LABEL_WIDTH;
		}
		strbuf_add(p->out, strbuf_text(&item));
		column += item.length + 2;
		/* The space after a comma is left out where the next item goes to another line. */
		if (i + 1 < count)
			strbuf_add(p->out, column + strlen(items[i + 1]) + 2 > p->width ? "," : ", ");
	}
	strbuf_add_char(p->out, '\n');
}

static void add_line(struct printer *p, const char *label, const char *text)
{
	if (!text || !*text)
		return;
	strbuf_printf(p->out, "  %-*s", LABEL_WIDTH - 2, label);
	add_safe(p, text);
	strbuf_add_char(p->out, '\n');
}

struct contents {
	const struct pin **direct, **transitive;
	size_t direct_count, transitive_count;
};

static struct contents contents_of(struct printer *p, const struct lock_container *c)
{
	struct contents contents = {0};
	const struct lock *lock = &p->release->lock;

	for (size_t i = 0; i < lock->pin_count; i++) {
		if (!pin_is_built_in(&lock->pins[i], c))
			continue;
		if (lock_is_direct(c, lock->pins[i].name))
			*arena_push(p->a, &contents.direct, &contents.direct_count) = &lock->pins[i];
		else
			*arena_push(p->a, &contents.transitive, &contents.transitive_count) = &lock->pins[i];
	}
	return contents;
}

static const char **versions_of(struct printer *p, const struct pin *const *pins, size_t count)
{
	const char **items = arena_array(p->a, count, sizeof(*items));

	for (size_t i = 0; i < count; i++)
		items[i] = arena_printf(p->a, "%s %s", pins[i]->name, pins[i]->version);
	return items;
}

/* What the image itself says: its name, its engine and its tools. */
static void add_image(struct printer *p, const struct snapshot *s)
{
	if (!s)
		return;
	const char **tools = arena_array(p->a, s->tool_count, sizeof(*tools));

	for (size_t i = 0; i < s->tool_count; i++)
		tools[i] = arena_printf(p->a, "%s %s", s->tools[i].name, s->tools[i].version);
	add_line(p, "image", s->image_id);
	add_line(p, "digest", s->image_digest);
	if (s->engine)
		add_line(p, "built by", arena_printf(p->a, "%s %s", s->engine, s->engine_version ? s->engine_version : ""));
	add_wrapped(p, "tools", tools, s->tool_count);
}

static void add_summary(struct printer *p, const struct lock_container *c)
{
	const struct snapshot *s = release_snapshot(p->release, c->name);
	struct contents contents = contents_of(p, c);

	strbuf_add_char(p->out, '\n');
	add_heading(p, c->name, c->environment);
	add_image(p, s);
	add_wrapped(p, "locked for too", c->further, c->further_count);
	add_wrapped(p, "groups", c->groups, c->group_count);
	add_wrapped(p, arena_printf(p->a, "direct (%zu)", contents.direct_count), versions_of(p, contents.direct, contents.direct_count),
		    contents.direct_count);
	add_wrapped(p, arena_printf(p->a, "transitive (%zu)", contents.transitive_count), versions_of(p, contents.transitive, contents.transitive_count),
		    contents.transitive_count);
	if (s)
		add_line(p, "system packages", arena_printf(p->a, "%zu", s->system_count));
}

/* Who in this container requires a package. */
static const char *required_by(struct printer *p, const struct lock_container *c, const struct pin *pin)
{
	const struct lock *lock = &p->release->lock;
	const char **names = NULL;
	size_t count = 0;

	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *other = &lock->pins[i];

		if (!pin_is_built_in(other, c))
			continue;
		for (size_t j = 0; j < other->edge_count; j++) {
			if (!other->edges[j].waived && !strcmp(other->edges[j].name, pin->name) && (!count || names[count - 1] != other->name))
				*arena_push(p->a, &names, &count) = other->name;
		}
	}
	return count ? arena_printf(p->a, "required by %s", words_list(p->a, names, count, 4)) : "";
}

static void add_packages(struct printer *p, const struct lock_container *c, const char *heading, const struct pin *const *pins, size_t count)
{
	const struct lock_environment *environment = lock_environment(&p->release->lock, c->environment);
	struct table table = {.arena = p->a, .column_count = 5};
	const char *const *tags = NULL;
	size_t tag_count = 0;

	if (!count)
		return;
	if (environment)
		lock_environment_tags(p->a, environment, &tags, &tag_count);
	for (size_t i = 0; i < count; i++) {
		const struct lock_file *file = pin_file_by_tags(pins[i], tags, tag_count);
		const char *declared = lock_direct(c, pins[i]->name);
		autostrbuf struct strbuf size = {0};

		if (file)
			text_add_size(&size, file->size_bytes);
		table_add(&table, COLOR_NONE, pins[i]->name);
		table_add(&table, COLOR_NONE, pins[i]->version);
		table_add(&table, COLOR_NONE, strbuf_text(&size));
		const char *origin = pins[i]->reference ? pins[i]->reference : pins[i]->index;

		if (file && file->built_from && pin_source(pins[i]))
			origin = arena_printf(p->a, "%s, built from %s", origin, pin_source(pins[i])->name);
		table_add(&table, COLOR_NONE, origin);
		table_add(&table, COLOR_DIM, declared ? declared : required_by(p, c, pins[i]));
	}
	strbuf_add_char(p->out, '\n');
	add_heading(p, heading, arena_printf(p->a, "%zu", count));
	table_print(&table, 2, p->stream, p->out);
}

static void add_pairs(struct printer *p, const char *heading, const struct table *table, size_t count)
{
	if (!count)
		return;
	strbuf_add_char(p->out, '\n');
	add_heading(p, heading, arena_printf(p->a, "%zu", count));
	table_print(table, 2, p->stream, p->out);
}

static void add_snapshot(struct printer *p, const struct snapshot *s)
{
	struct table packages = {.arena = p->a, .column_count = 3}, markers = {.arena = p->a, .column_count = 2};

	for (size_t i = 0; i < s->marker_count; i++) {
		table_add(&markers, COLOR_NONE, s->markers[i].name);
		table_add(&markers, COLOR_NONE, s->markers[i].value);
	}
	for (size_t i = 0; i < s->system_count; i++) {
		table_add(&packages, COLOR_NONE, s->system_packages[i].name);
		table_add(&packages, COLOR_NONE, s->system_packages[i].version);
		table_add(&packages, COLOR_DIM, s->system_packages[i].architecture);
	}
	add_pairs(p, "environment markers", &markers, s->marker_count);
	add_pairs(p, "system packages", &packages, s->system_count);
}

/* What is other than in the images: a package that is there only, at another version, or not there at all. */
static void add_further_rows(struct printer *p, const struct lock_container *c, const char *environment, struct table *table, size_t *count)
{
	const struct lock *lock = &p->release->lock;

	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i], *built = lock_pin(lock, c->name, pin->name);
		bool is_there = pin_is_in(pin, c, environment), is_gone = pin == built && !lock_pin_in(lock, c->name, environment, pin->name);

		if (!is_gone && (!is_there || pin == built))
			continue;
		++*count;
		table_add(table, COLOR_NONE, pin->name);
		table_add(table, COLOR_NONE, is_gone ? "not there" : pin->version);
		table_add(table, COLOR_DIM, built ? arena_printf(p->a, "%s in the image", built->version) : "not in the image");
	}
}

static void add_further(struct printer *p, const struct lock_container *c)
{
	for (size_t i = 0; i < c->further_count; i++) {
		struct table table = {.arena = p->a, .column_count = 3};
		size_t count = 0;

		add_further_rows(p, c, c->further[i], &table, &count);
		strbuf_add_char(p->out, '\n');
		add_heading(p, arena_printf(p->a, "locked for %s too", c->further[i]),
			    count ? arena_printf(p->a, "%zu other than in the image", count) : "the same packages");
		if (count)
			table_print(&table, 2, p->stream, p->out);
	}
}

static void add_container(struct printer *p, const struct lock_container *c)
{
	const struct snapshot *s = release_snapshot(p->release, c->name);
	struct contents contents = contents_of(p, c);

	add_heading(p, c->name, arena_printf(p->a, "of %s, %s", p->release->name, c->environment));
	add_image(p, s);
	add_wrapped(p, "groups", c->groups, c->group_count);
	add_packages(p, c, "direct packages", contents.direct, contents.direct_count);
	add_packages(p, c, "transitive packages", contents.transitive, contents.transitive_count);
	add_further(p, c);
	if (s)
		add_snapshot(p, s);
}

static void add_toolchain(struct printer *p)
{
	const struct lock *lock = &p->release->lock;
	struct table table = {.arena = p->a, .column_count = 3};
	size_t count = 0;

	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		if (!pin_is_toolchain(pin))
			continue;
		count++;
		table_add(&table, COLOR_NONE, pin->name);
		table_add(&table, COLOR_NONE, pin->version);
		table_add(&table, COLOR_DIM, words_list(p->a, pin->layers, pin->layer_count, 3));
	}
	add_pairs(p, "toolchain packages", &table, count);
}

static void add_head(struct printer *p)
{
	const struct release *r = p->release;
	autostrbuf struct strbuf date = {0}, cut_off = {0};
	const char **tools = arena_array(p->a, r->lock.tool_count, sizeof(*tools));
	size_t toolchain = 0;

	for (size_t i = 0; i < r->lock.tool_count; i++)
		tools[i] = arena_printf(p->a, "%s %s", r->lock.tools[i].name, r->lock.tools[i].version);
	for (size_t i = 0; i < r->lock.pin_count; i++)
		toolchain += pin_is_toolchain(&r->lock.pins[i]);
	clock_add_rfc3339(&date, r->created_unix);
	clock_add_rfc3339(&cut_off, r->lock.cut_off_unix);
	add_heading(p, r->name, r->previous ? arena_printf(p->a, "after %s", r->previous) : "the first release");
	add_line(p, "released", strbuf_text(&date));
	add_line(p, "packages as of", strbuf_text(&cut_off));
	add_line(p, "made by", r->tool);
	add_wrapped(p, "locked by", tools, r->lock.tool_count);
	add_line(p, "packages",
		 arena_printf(p->a, "%zu in %zu container%s%s", r->lock.pin_count - toolchain, r->lock.container_count, text_plural(r->lock.container_count),
			      toolchain ? arena_printf(p->a, ", %zu of toolchains", toolchain) : ""));
}

void show_text(const struct release *release, const char *container, const struct report_options *options, struct strbuf *out)
{
	autoarena struct arena a = {0};
	struct printer p = {
		.a = &a, .release = release, .stream = options->stream, .width = options->stream ? terminal_width(options->stream) : 100, .out = out};
	const struct lock_container *one = container ? lock_container(&release->lock, container) : NULL;

	if (one) {
		add_container(&p, one);
		return;
	}
	add_head(&p);
	for (size_t i = 0; i < release->lock.container_count; i++)
		add_summary(&p, &release->lock.containers[i]);
	add_toolchain(&p);
}
