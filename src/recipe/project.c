#include "recipe/load.h"

#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

static void read_tag_files(struct reader *r, const struct value *v, void *target)
{
	struct project *p = target;

	schema_set(r, v, "'tags'", &word_inner_path, &p->tag_files, &p->tag_file_count);
	p->tag_file_pos = arena_array(r->arena, p->tag_file_count, sizeof(*p->tag_file_pos));
	for (size_t i = 0, next = 0; v->kind == VALUE_ARRAY && i < v->item_count && next < p->tag_file_count; i++) {
		const struct value *item = v->items[i];

		if (item->kind != VALUE_TEXT || !word_inner_path.holds(item->text))
			continue;
		p->tag_file_pos[next++] = item->pos;
		if (!file_exists(path_join(r->arena, r->db->root, item->text))) {
			diag_error(r->diag, item->pos, "the project has no file '%s'", item->text);
			diag_hint(r->diag, "'tags' lists the files that hold image tags");
			continue;
		}
		const char *out = path_leads_out(r->arena, r->db->root, item->text);

		if (out)
			diag_error(r->diag, item->pos, "'%s' leads out of the project, to '%s'; lockstep writes inside the project only", item->text, out);
		else if (file_size(path_join(r->arena, r->db->root, item->text)) < 0)
			diag_error(r->diag, item->pos, "'%s' is no regular file", item->text);
	}
}

static const struct schema_row index_rows[] = {
	{.key = "alias", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct index, alias), .form = &word_name, .description = "what the lock calls this index"},
	{.key = "url",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct index, url),
	 .form = &word_url,
	 .description = "its address; without one, whoever runs lockstep gives it in their own settings"},
	{.key = NULL},
};

static void read_indexes(struct reader *r, const struct value *v, void *target)
{
	enum { INDEXES_MAX = 100 };
	struct project *p = target;

	if (!schema_is_list(r, v, "'indexes'"))
		return;
	if (v->item_count > INDEXES_MAX) {
		diag_error(r->diag, v->items[INDEXES_MAX]->pos, "more than %d indexes", INDEXES_MAX);
		return;
	}
	for (size_t i = 0; i < v->item_count; i++) {
		struct index one = {.pos = v->items[i]->pos};

		if (!schema_read(r, v->items[i], "an index", v->items[i]->pos, index_rows, &one) || !one.alias)
			continue;
		for (size_t j = 0; j < p->index_count; j++) {
			if (!strcmp(p->indexes[j].alias, one.alias))
				diag_error(r->diag, one.pos, "index '%s' is given twice; the first is in line %u", one.alias, p->indexes[j].pos.line);
		}
		*arena_push(r->arena, &p->indexes, &p->index_count) = one;
	}
}

static void read_layer_limit(struct reader *r, const struct value *v, void *target)
{
	const char *text = schema_line(r, v, "'limit'", NULL);
	uint64_t limit = 0;

	if (!text)
		return;
	if (!text_to_u64(text, &limit) || limit < 1 || limit > LAYER_LIMIT_MAX) {
		diag_error(r->diag, v->pos, "'%s' is no limit of layers", text);
		diag_hint(r->diag, "a number from 1 to %d: images have at most 127 layers, and some are the system's", LAYER_LIMIT_MAX);
		return;
	}
	((struct project *)target)->layer_limit = (size_t)limit;
}

static const struct schema_row layers_rows[] = {
	{.key = "by", SCHEMA_LINE, 0, offsetof(struct project, layers), .form = &word_layers, .description = "who makes them: engine, or lockstep"},
	{.key = "packing",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct project, layer_packing),
	 .form = &word_packing,
	 .description = "how lockstep packs them: gzip, which every engine reads and is the default, or zstd, smaller and faster to unpack"},
	{.key = "limit", SCHEMA_READ, .read = read_layer_limit, .description = "how many a container's Python packages are put into at most; 60 when missing"},
	{.key = NULL},
};

/* "lockstep", or a table. */
static void read_layers(struct reader *r, const struct value *v, void *target)
{
	struct project *p = target;

	if (v->kind == VALUE_TABLE)
		schema_read(r, v, "'layers'", v->pos, layers_rows, p);
	else
		p->layers = schema_line(r, v, "'layers'", &word_layers);
}

static const struct schema_row project_rows[] = {
	{.key = "name", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct project, name), .form = &word_project, .description = "the project's name"},
	{.key = "repository",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct project, repository),
	 .form = &word_repository,
	 .description = "what stands before '/<container>' in image names; the project's name when missing"},
	{.key = "plain_http",
	 SCHEMA_SET,
	 0,
	 offsetof(struct project, plain_http),
	 offsetof(struct project, plain_http_count),
	 .form = &word_host,
	 .description = "registries that are spoken to without TLS; those of LOCKSTEP_PLAIN_HTTP are so, too"},
	{.key = "first_release",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct project, first_release),
	 .form = &word_release,
	 .description = "the number of the first release; v0.1 when missing"},
	{.key = "venv",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct project, venv),
	 .form = &word_path,
	 .description = "where Python packages are installed in images; /opt/venv when missing"},
	{.key = "resolver",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct project, resolver),
	 .form = &word_resolver,
	 .description = "who searches for versions: uv, or pip; uv when missing"},
	{.key = "layers",
	 SCHEMA_READ,
	 .read = read_layers,
	 .description = "who makes the layers of Python packages: engine, by pip in a build, or lockstep; or {by: ..., limit: ..., packing: ...}"},
	{.key = "tags", SCHEMA_READ, .read = read_tag_files, .description = "files of the project that hold image tags, as Jenkinsfile"},
	{.key = "indexes",
	 SCHEMA_READ,
	 .read = read_indexes,
	 .description = "package indexes in order of preference; when missing, only 'default', the first of the settings of whoever runs lockstep"},
	{.key = "stages",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct project, stages),
	 .form = &word_stages,
	 .description = "a repository of a registry in which stages are put under their keys, and from which they are taken"},
	{.key = "workers",
	 SCHEMA_READ,
	 .read = read_workers,
	 .description = "BuildKit workers that build: addresses, or tables with address, ca, cert, key, jobs"},
	{.key = NULL},
};

void load_project(struct reader *r)
{
	struct project *p = &r->db->project;
	struct value *v = load_file(r, "recipes/project.yaml");

	p->pos = (struct pos){"recipes/project.yaml", 0, 0};
	r->indexes_unread = !v || !schema_read(r, v, "a project", p->pos, project_rows, p);
	if (!p->repository)
		p->repository = p->name;
	if (!p->first_release)
		p->first_release = "v0.1";
	if (!p->resolver)
		p->resolver = "uv";
	if (!p->venv)
		p->venv = "/opt/venv";
	if (!p->index_count)
		*arena_push(r->arena, &p->indexes, &p->index_count) = (struct index){.alias = "default", .pos = p->pos};
}
