#include "report/tree.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "io/json.h"
#include "io/terminal.h"
#include "report/tree_parts.h"
#include "report/words.h"

enum { NAMED_PACKAGES = 6 };

/* A tree in one environment. */
struct shown {
	const struct tree *tree;
	const char *environment;
	struct tree_part *parts;
	size_t part_count;
	struct tree_more *more;
	size_t more_count;
};

static bool is_built(const struct shown *shown)
{
	return !strcmp(shown->environment, shown->tree->container->environment);
}

struct frame {
	size_t node, next;
	size_t prefix_length; /* what stands before the lines of its children */
	struct tree_below below;
};

struct printer {
	struct arena *a;
	const struct tree *tree;
	const struct tree_part *part;
	FILE *stream;
	struct strbuf *out, prefix;
	const char *on; /* behind what stands outermost: " on <environment>" where that is not the built one */
	bool *expanded; /* by node: what hangs below it was shown */
	struct frame *stack;
	size_t depth;
	size_t levels; /* that may hang below a package that stands outermost */
};

static void add_safe(struct printer *p, const char *text)
{
	text_escape(p->out, text, strlen(text), 0);
}

/* "onnx[reference] 1.16.0" */
static void add_node(struct printer *p, size_t node)
{
	const struct lock_node *n = &p->part->graph.nodes[node];

	add_safe(p, n->pin->name);
	for (size_t i = 0; i < n->extra_count; i++) {
		strbuf_add(p->out, i ? "," : "[");
		add_safe(p, n->extras[i]);
	}
	strbuf_add(p->out, n->extra_count ? "] " : " ");
	add_safe(p, n->pin->version);
}

static void add_origin(struct printer *p, const struct origin *o)
{
	for (size_t i = 0; i < o->path_count; i++) {
		strbuf_add(p->out, i ? " > " : "group ");
		add_safe(p, o->path[i]);
	}
	if (p->part->layer && !o->path_count) {
		strbuf_add(p->out, "layer ");
		add_safe(p, p->part->layer);
	}
	strbuf_add(p->out, o->path_count || p->part->layer ? " (" : "declared (");
	add_safe(p, o->declared);
	strbuf_add_char(p->out, ')');
}

static void begin_line(struct printer *p, bool is_last)
{
	strbuf_add(p->out, strbuf_text(&p->prefix));
	strbuf_add(p->out, is_last ? "└── " : "├── ");
}

static void truncate(struct strbuf *s, size_t length)
{
	if (s->length > length) {
		s->length = length;
		s->text[length] = '\0';
	}
}

static const char *indent_below(bool is_last)
{
	return is_last ? "    " : "│   ";
}

static void push(struct printer *p, size_t node, const char *indent)
{
	strbuf_add(&p->prefix, indent);
	struct frame *f = arena_push(p->a, &p->stack, &p->depth);

	*f = (struct frame){.node = node, .prefix_length = p->prefix.length, .below = tree_below(p->a, p->part, node, p->tree->invert)};
	p->expanded[node] = true;
	for (size_t i = 0; i < f->below.origin_count; i++) {
		begin_line(p, i + 1 == f->below.origin_count && !f->below.node_count);
		add_origin(p, f->below.origins[i]);
		strbuf_add_char(p->out, '\n');
	}
}

/* Everything below a node whose line was just written; without recursion, so that a long chain cannot exhaust the stack. */
static void add_below(struct printer *p, size_t node, const char *indent)
{
	size_t outer = p->prefix.length;

	p->depth = 0;
	push(p, node, indent);
	while (p->depth) {
		struct frame *f = &p->stack[p->depth - 1];

		truncate(&p->prefix, f->prefix_length);
		if (f->next == f->below.node_count) {
			p->depth--;
			continue;
		}
		size_t child = f->below.nodes[f->next++];
		bool last = f->next == f->below.node_count;
		struct tree_below under = tree_below(p->a, p->part, child, p->tree->invert);
		bool repeated = p->expanded[child] && (under.node_count || under.origin_count);

		begin_line(p, last);
		add_node(p, child);
		strbuf_add(p->out, repeated ? " (*)\n" : "\n");
		if (!repeated && p->depth < p->levels)
			push(p, child, indent_below(last));
	}
	truncate(&p->prefix, outer);
}

static void add_top(struct printer *p, size_t node, bool is_last, const char *behind)
{
	struct tree_below under = tree_below(p->a, p->part, node, p->tree->invert);
	bool repeated = p->expanded[node] && (under.node_count || under.origin_count);

	begin_line(p, is_last);
	add_node(p, node);
	add_safe(p, behind);
	strbuf_add(p->out, repeated ? " (*)\n" : "\n");
	if (!repeated && p->levels)
		add_below(p, node, indent_below(is_last));
}

static bool same_group(const struct origin *a, const struct origin *b)
{
	return text_equal(a->group, b->group);
}

/* One group with the packages it declares. */
static void add_group(struct printer *p, size_t first, size_t end, bool is_last)
{
	const struct origin *o = &p->part->origins[first];
	size_t outer = p->prefix.length;

	if (o->path_count) {
		begin_line(p, is_last);
		strbuf_add(p->out, p->stream ? terminal_begin(p->stream, COLOR_BOLD) : "");
		for (size_t i = 0; i < o->path_count; i++) {
			strbuf_add(p->out, i ? " > " : "group ");
			add_safe(p, o->path[i]);
		}
		strbuf_add(p->out, p->stream ? terminal_end(p->stream) : "");
		strbuf_add_char(p->out, '\n');
		strbuf_add(&p->prefix, indent_below(is_last));
	}
	for (size_t i = first; i < end && p->tree->depth; i++) {
		const struct swap *swap = p->part->origins[i].swap;

		add_top(p, p->part->origins[i].root, i + 1 == end && (o->path_count || is_last),
			swap ? arena_printf(p->a, " (instead of %s)", swap->from->canonical) : "");
	}
	truncate(&p->prefix, outer);
}

static void start_part(struct printer *p, const struct tree_part *part)
{
	p->part = part;
	p->expanded = arena_array(p->a, part->graph.node_count, sizeof(*p->expanded));
}

static void add_part(struct printer *p, const struct tree_part *part, bool is_last)
{
	size_t outer = p->prefix.length;

	start_part(p, part);
	if (part->layer) {
		begin_line(p, is_last);
		strbuf_add(p->out, "layer ");
		add_safe(p, part->layer);
		strbuf_add_char(p->out, '\n');
		strbuf_add(&p->prefix, indent_below(is_last));
		is_last = true;
	}
	for (size_t i = 0, end; i < part->origin_count; i = end) {
		for (end = i + 1; end < part->origin_count && same_group(&part->origins[i], &part->origins[end]);)
			end++;
		add_group(p, i, end, is_last && end == part->origin_count);
	}
	truncate(&p->prefix, outer);
}

static void add_inverted(struct printer *p, const struct tree_part *part)
{
	long node = lock_graph_find(&part->graph, p->tree->invert);

	if (node < 0)
		return;
	start_part(p, part);
	add_node(p, (size_t)node);
	add_safe(p, p->on);
	strbuf_add_char(p->out, '\n');
	if (p->levels)
		add_below(p, (size_t)node, "");
}

static void add_more(struct printer *p, const struct tree_more *more)
{
	const char **texts = NULL;
	size_t count = 0;

	for (size_t i = 0; i < more->pin_count; i++)
		*arena_push(p->a, &texts, &count) = arena_printf(p->a, "%s %s", more->pins[i]->name, more->pins[i]->version);
	add_safe(p, arena_printf(p->a, "more on %s: %s (--environment shows it)", more->environment, words_list(p->a, texts, count, NAMED_PACKAGES)));
	strbuf_add_char(p->out, '\n');
}

static void add_text(struct arena *a, const struct shown *shown, FILE *stream, struct strbuf *out)
{
	const struct tree *tree = shown->tree;
	struct printer p = {.a = a, .tree = tree, .stream = stream, .out = out};

	p.on = is_built(shown) ? "" : arena_printf(a, " on %s", shown->environment);

	/* Upright, the outermost packages are a level of their own. */
	p.levels = tree->invert || !tree->depth ? tree->depth : tree->depth - 1;
	if (!tree->invert) {
		add_safe(&p, tree->container->name);
		add_safe(&p, p.on);
		strbuf_add_char(out, '\n');
	}
	for (size_t i = 0; i < shown->part_count; i++) {
		if (tree->invert)
			add_inverted(&p, &shown->parts[i]);
		else
			add_part(&p, &shown->parts[i], i + 1 == shown->part_count);
	}
	for (size_t i = 0; i < shown->more_count; i++)
		add_more(&p, &shown->more[i]);
	strbuf_release(&p.prefix);
}

static void add_texts(struct json_writer *w, const char *key, const char *const *texts, size_t count)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_add_text(w, NULL, texts[i]);
	json_end_array(w);
}

static void add_origin_json(struct json_writer *w, const struct tree_part *part, const struct origin *o)
{
	json_begin_object(w, NULL);
	json_add_text(w, "package", part->graph.nodes[o->root].pin->name);
	json_add_text(w, "declared", o->declared);
	json_add_text(w, "group", o->group);
	add_texts(w, "groups", o->path, o->path_count);
	json_add_text(w, "instead_of", o->swap ? o->swap->from->canonical : NULL);
	json_add_text(w, "file", o->pos.file);
	if (o->pos.file) {
		json_add_integer(w, "line", o->pos.line);
		json_add_integer(w, "column", o->pos.column);
	}
	json_end_object(w);
}

static void add_arc_json(struct json_writer *w, const struct tree_part *part, const struct lock_arc *arc, bool up)
{
	json_begin_object(w, NULL);
	json_add_text(w, "name", part->graph.nodes[up ? arc->from : arc->to].pin->name);
	add_texts(w, "extras", arc->edge->extras, arc->edge->extra_count);
	json_add_text(w, "marker", arc->edge->marker);
	json_add_text(w, "extra", arc->edge->extra);
	json_end_object(w);
}

static void add_node_json(struct json_writer *w, const struct tree_part *part, const struct lock_node *n, size_t level, bool up)
{
	json_begin_object(w, NULL);
	json_add_text(w, "name", n->pin->name);
	json_add_text(w, "version", n->pin->version);
	add_texts(w, "extras", n->extras, n->extra_count);
	json_add_integer(w, "level", (int64_t)level);
	json_begin_array(w, up ? "required_by" : "requires");
	for (size_t i = 0; i < (up ? n->required_by_count : n->arc_count); i++)
		add_arc_json(w, part, &part->graph.arcs[up ? n->required_by[i] : n->first_arc + i], up);
	json_end_array(w);
	json_end_object(w);
}

static void add_part_json(struct arena *a, struct json_writer *w, const struct tree *tree, const struct tree_part *part)
{
	const size_t *levels = tree_levels(a, part, tree->invert, tree->depth);

	json_begin_object(w, NULL);
	json_add_text(w, "layer", part->layer);
	json_begin_array(w, "declared");
	for (size_t i = 0; i < part->origin_count; i++) {
		if (levels[part->origins[i].root] != SIZE_MAX)
			add_origin_json(w, part, &part->origins[i]);
	}
	json_end_array(w);
	json_begin_array(w, "packages");
	for (size_t i = 0; i < part->graph.node_count; i++) {
		if (levels[i] != SIZE_MAX)
			add_node_json(w, part, &part->graph.nodes[i], levels[i], tree->invert);
	}
	json_end_array(w);
	json_end_object(w);
}

static void add_more_json(struct json_writer *w, const struct tree_more *more)
{
	json_begin_object(w, NULL);
	json_add_text(w, "environment", more->environment);
	json_begin_array(w, "packages");
	for (size_t i = 0; i < more->pin_count; i++) {
		json_begin_object(w, NULL);
		json_add_text(w, "name", more->pins[i]->name);
		json_add_text(w, "version", more->pins[i]->version);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void add_json(struct arena *a, const struct shown *shown, struct strbuf *out)
{
	const struct tree *tree = shown->tree;
	struct json_writer w = {.out = out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "container", tree->container->name);
	json_add_text(&w, "environment", shown->environment);
	json_add_boolean(&w, "built", is_built(shown));
	json_add_text(&w, "lock", tree->from);
	json_add_text(&w, "invert", tree->invert);
	json_begin_array(&w, "parts");
	for (size_t i = 0; i < shown->part_count; i++) {
		if (!tree->invert || lock_graph_find(&shown->parts[i].graph, tree->invert) >= 0)
			add_part_json(a, &w, tree, &shown->parts[i]);
	}
	json_end_array(&w);
	json_begin_array(&w, "more");
	for (size_t i = 0; i < shown->more_count; i++)
		add_more_json(&w, &shown->more[i]);
	json_end_array(&w);
	json_end_object(&w);
}

static const char **environment_names(struct arena *a, const struct lock_container *c, size_t *ret_count)
{
	const char **ret = NULL, *name;

	*ret_count = 0;
	for (size_t i = 0; (name = lock_container_environment(c, i)); i++)
		*arena_push(a, &ret, ret_count) = name;
	return ret;
}

static int check_environment(struct arena *a, const struct shown *shown, struct error *err)
{
	const struct lock_container *c = shown->tree->container;
	size_t count;
	const char **names = environment_names(a, c, &count);

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], shown->environment))
			return 0;
	}
	error_set(err, ERR_NOT_FOUND, "container '%s' is not locked for environment '%s' in %s", c->name, shown->environment, shown->tree->from);
	return error_hint(err, "it is locked for %s", words_list(a, names, count, NAMED_PACKAGES));
}

static int check_invert(struct arena *a, const struct shown *shown, struct error *err)
{
	const struct tree *tree = shown->tree;
	const char **names = NULL, **elsewhere = NULL;
	size_t name_count = 0, elsewhere_count = 0;

	for (size_t i = 0; i < shown->part_count; i++) {
		const struct lock_graph *g = &shown->parts[i].graph;

		for (size_t j = 0; j < g->node_count; j++) {
			*arena_push(a, &names, &name_count) = g->nodes[j].pin->name;
			if (!strcmp(g->nodes[j].pin->name, tree->invert))
				return 0;
		}
	}
	for (size_t i = 0; i < shown->more_count; i++)
		*arena_push(a, &elsewhere, &elsewhere_count) = shown->more[i].environment;
	error_set(err, ERR_NOT_FOUND, "'%s' is not in %s, container %s%s%s", tree->invert, tree->from, tree->container->name,
		  elsewhere_count || !is_built(shown) ? ", on " : "", elsewhere_count || !is_built(shown) ? shown->environment : "");
	if (elsewhere_count)
		return error_hint(err, "it is on %s; --environment shows it", words_list(a, elsewhere, elsewhere_count, NAMED_PACKAGES));
	return error_hint_nearest(err, tree->invert, names, name_count);
}

int report_tree(struct arena *a, const struct tree *tree, const struct report_options *options, struct strbuf *out, struct error *err)
{
	struct shown shown = {.tree = tree, .environment = tree->environment ? tree->environment : tree->container->environment};

	if (check_environment(a, &shown, err) < 0 || tree_parts(a, tree, shown.environment, &shown.parts, &shown.part_count, err) < 0 ||
	    tree_more(a, tree, shown.parts, shown.part_count, &shown.more, &shown.more_count, err) < 0 || (tree->invert && check_invert(a, &shown, err) < 0))
		return -1;
	if (options->format == REPORT_JSON)
		add_json(a, &shown, out);
	else
		add_text(a, &shown, options->stream, out);
	return 0;
}
