#include <string.h>

#include "base/text.h"
#include "io/json.h"
#include "report/table.h"
#include "report/why.h"
#include "report/words.h"

enum { NAMED_CONTAINERS = 6 };

static const char *pin_text(struct arena *a, const struct pin *pin)
{
	return arena_printf(a, "%s %s", pin->name, pin->version);
}

static const char *place_text(struct arena *a, struct pos pos)
{
	return pos.file ? arena_printf(a, ", at %s:%u:%u", pos.file, pos.line, pos.column) : "";
}

/* A layer, or what is there to build a wheel with. */
static const char *layer_text(struct arena *a, const char *layer)
{
	if (text_starts_with(layer, PIN_BUILD_PREFIX))
		return arena_printf(a, "the build of %s", layer + strlen(PIN_BUILD_PREFIX));
	return arena_printf(a, "layer %s", layer);
}

/* Who begins a chain: "group all > core", "layer cuda{version=13.0}", or nobody who is known. */
static const char *origin_text(struct arena *a, const struct why_place *place, const struct origin *o)
{
	autostrbuf struct strbuf text = {0};

	if (place->layer)
		return layer_text(a, place->layer);
	for (size_t i = 0; i < o->path_count; i++)
		strbuf_printf(&text, "%s%s", i ? " > " : "group ", o->path[i]);
	return text.length ? arena_strdup(a, strbuf_text(&text)) : "declared";
}

static const char *declares_text(struct arena *a, const struct why_place *place, const struct origin *o)
{
	const char *at = place_text(a, o->pos);

	if (o->swap)
		return arena_printf(a, "declares %s, swapped for %s%s", o->swap->from->canonical, o->declared, at);
	return arena_printf(a, "%s%s%s", place->layer ? "asks for " : o->group ? "declares " : "as ", o->declared, at);
}

static const char *requires_text(struct arena *a, const struct why_step *step)
{
	/* A wheel's own marker speaks of the extra itself. */
	bool says_extra = step->extra && !(step->marker && strstr(step->marker, "extra"));

	return arena_printf(a, "requires %s%s%s%s%s%s", step->requirement, step->marker ? "; " : "", step->marker ? step->marker : "",
			    says_extra ? " (with extra " : "", says_extra ? step->extra : "", says_extra ? ")" : "");
}

static const char *way_text(struct arena *a, const struct why_place *place, const struct why_chain *c)
{
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "%s > %s", origin_text(a, place, c->origin), pin_text(a, c->root));
	for (size_t i = 0; i < c->step_count; i++)
		strbuf_printf(&text, " > %s", pin_text(a, c->steps[i].pin));
	return arena_strdup(a, strbuf_text(&text));
}

static void add_line(struct arena *a, size_t indent, enum terminal_color color, const char *text, FILE *stream, struct strbuf *out)
{
	struct table t = {.arena = a, .column_count = 1};

	table_add(&t, color, text);
	table_print(&t, indent, stream, out);
}

static void add_chain(struct arena *a, const struct why_place *place, const struct why_chain *c, FILE *stream, struct strbuf *out)
{
	struct table t = {.arena = a, .column_count = 2};
	const struct pin *before = c->root;

	add_line(a, 2, COLOR_NONE, way_text(a, place, c), stream, out);
	table_add(&t, COLOR_NONE, origin_text(a, place, c->origin));
	table_add(&t, COLOR_NONE, declares_text(a, place, c->origin));
	for (size_t i = 0; i < c->step_count; i++) {
		table_add(&t, COLOR_NONE, pin_text(a, before));
		table_add(&t, COLOR_NONE, requires_text(a, &c->steps[i]));
		before = c->steps[i].pin;
	}
	table_print(&t, 4, stream, out);
}

void why_text_chains(struct arena *a, const struct why_place *place, FILE *stream, struct strbuf *out)
{
	for (size_t i = 0; i < place->chain_count; i++)
		add_chain(a, place, &place->chains[i], stream, out);
	if (place->chain_total > place->chain_count)
		strbuf_printf(out, "  and %zu more chains as short as these\n", place->chain_total - place->chain_count);
	if (!place->chain_total)
		strbuf_add(out, "  nothing that is declared leads to it\n");
}

static const char *heading(struct arena *a, const struct why_place *place)
{
	const char *names = words_list(a, place->containers, place->container_count, NAMED_CONTAINERS);

	const char *on = place->is_besides ? arena_printf(a, " on %s", place->environments[0]) : "";

	if (!place->layer)
		return arena_printf(a, "%s in %s%s", pin_text(a, place->pin), names, on);
	return arena_printf(a, "%s in %s%s%s%s", pin_text(a, place->pin), layer_text(a, place->layer), place->container_count ? " of " : "", names, on);
}

static void add_debs(struct arena *a, const struct why_answer *answer, FILE *stream, struct strbuf *out)
{
	for (size_t i = 0; i < answer->deb_count; i++) {
		const struct why_deb *d = &answer->debs[i];

		if (i || answer->place_count)
			strbuf_add_char(out, '\n');
		add_line(a, 0, COLOR_BOLD, arena_printf(a, "Debian package %s %s (%s), installed by", d->deb->name, d->deb->version, d->deb->architecture),
			 stream, out);
		for (size_t j = 0; j < d->stage_count; j++) {
			const struct why_stage *s = &d->stages[j];
			const char *names = words_list(a, s->containers, s->container_count, NAMED_CONTAINERS);

			add_line(a, 2, COLOR_NONE,
				 s->name ? arena_printf(a, "%s %s of %s", s->kind, s->name, names) : arena_printf(a, "the apt list of %s", names), stream, out);
		}
	}
}

static void add_said(struct arena *a, const struct why_answer *answer, FILE *stream, struct strbuf *out)
{
	struct table t = {.arena = a, .column_count = 4};
	struct said *said = NULL;
	size_t count = 0;

	if (answer->why->db)
		said_of(a, answer->why->db, answer->why->package, &said, &count);
	if (!count)
		return;
	strbuf_add_char(out, '\n');
	add_line(a, 0, COLOR_BOLD, arena_printf(a, "what recipes/ say of %s", answer->why->package), stream, out);
	for (size_t i = 0; i < count; i++) {
		table_add(&t, COLOR_NONE, said[i].kind);
		table_add(&t, COLOR_NONE, said[i].text);
		table_add(&t, COLOR_DIM, said[i].pos.file ? arena_printf(a, "%s:%u:%u", said[i].pos.file, said[i].pos.line, said[i].pos.column) : NULL);
		table_add(&t, COLOR_NONE, said[i].why);
	}
	table_print(&t, 2, stream, out);
}

static void print_text(struct arena *a, const struct why_answer *answer, FILE *stream, struct strbuf *out)
{
	for (size_t i = 0; i < answer->place_count; i++) {
		if (i)
			strbuf_add_char(out, '\n');
		add_line(a, 0, COLOR_BOLD, heading(a, &answer->places[i]), stream, out);
		why_text_chains(a, &answer->places[i], stream, out);
	}
	add_debs(a, answer, stream, out);
	add_said(a, answer, stream, out);
}

static void add_pos(struct json_writer *w, struct pos pos)
{
	json_add_text(w, "file", pos.file);
	if (!pos.file)
		return;
	json_add_integer(w, "line", pos.line);
	json_add_integer(w, "column", pos.column);
}

static void add_texts(struct json_writer *w, const char *key, const char *const *texts, size_t count)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_add_text(w, NULL, texts[i]);
	json_end_array(w);
}

static void add_chain_json(struct json_writer *w, const struct why_chain *c)
{
	const struct origin *o = c->origin;
	const struct pin *before = c->root;

	json_begin_object(w, NULL);
	json_add_text(w, "group", o->group);
	add_texts(w, "groups", o->path, o->path_count);
	json_add_text(w, "package", c->root->name);
	json_add_text(w, "version", c->root->version);
	json_add_text(w, "declared", o->declared);
	json_add_text(w, "instead_of", o->swap ? o->swap->from->canonical : NULL);
	add_pos(w, o->pos);
	json_begin_array(w, "steps");
	for (size_t i = 0; i < c->step_count; i++) {
		const struct why_step *s = &c->steps[i];

		json_begin_object(w, NULL);
		json_add_text(w, "package", s->pin->name);
		json_add_text(w, "version", s->pin->version);
		json_add_text(w, "required_by", before->name);
		json_add_text(w, "requirement", s->requirement);
		json_add_text(w, "marker", s->marker);
		json_add_text(w, "extra", s->extra);
		json_end_object(w);
		before = s->pin;
	}
	json_end_array(w);
	json_end_object(w);
}

static void add_place_json(struct json_writer *w, const struct why_place *p)
{
	json_begin_object(w, NULL);
	json_add_text(w, "version", p->pin->version);
	json_add_text(w, "layer", p->layer);
	add_texts(w, "containers", p->containers, p->container_count);
	add_texts(w, "environments", p->environments, p->environment_count);
	json_add_boolean(w, "built", p->is_built);
	json_add_boolean(w, "declared", p->chain_count && !p->chains[0].step_count);
	json_add_integer(w, "chain_count", p->chain_total > INT64_MAX ? INT64_MAX : (int64_t)p->chain_total);
	json_begin_array(w, "chains");
	for (size_t i = 0; i < p->chain_count; i++)
		add_chain_json(w, &p->chains[i]);
	json_end_array(w);
	json_end_object(w);
}

static void add_deb_json(struct json_writer *w, const struct why_deb *d)
{
	json_begin_object(w, NULL);
	json_add_text(w, "name", d->deb->name);
	json_add_text(w, "version", d->deb->version);
	json_add_text(w, "architecture", d->deb->architecture);
	json_begin_array(w, "installed_by");
	for (size_t i = 0; i < d->stage_count; i++) {
		json_begin_object(w, NULL);
		json_add_text(w, "kind", d->stages[i].kind);
		json_add_text(w, "name", d->stages[i].name);
		add_texts(w, "containers", d->stages[i].containers, d->stages[i].container_count);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void print_json(struct arena *a, const struct why_answer *answer, struct strbuf *out)
{
	struct json_writer w = {.out = out};
	struct said *said = NULL;
	size_t count = 0;

	if (answer->why->db)
		said_of(a, answer->why->db, answer->why->package, &said, &count);
	json_begin_object(&w, NULL);
	json_add_text(&w, "package", answer->why->package);
	json_add_text(&w, "lock", answer->why->from);
	json_begin_array(&w, "places");
	for (size_t i = 0; i < answer->place_count; i++)
		add_place_json(&w, &answer->places[i]);
	json_end_array(&w);
	json_begin_array(&w, "debian");
	for (size_t i = 0; i < answer->deb_count; i++)
		add_deb_json(&w, &answer->debs[i]);
	json_end_array(&w);
	json_begin_array(&w, "said");
	for (size_t i = 0; i < count; i++) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "kind", said[i].kind);
		json_add_text(&w, "text", said[i].text);
		json_add_text(&w, "why", said[i].why);
		add_pos(&w, said[i].pos);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
}

void report_why(struct arena *a, const struct why_answer *answer, const struct report_options *options, struct strbuf *out)
{
	if (options->format == REPORT_JSON)
		print_json(a, answer, out);
	else
		print_text(a, answer, options->stream, out);
}
