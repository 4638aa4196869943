#include "render/dockerfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "recipe/database.h"
#include "render/word.h"

/* The first line is fixed text: a comment of the form "name=value" there would be an instruction to the builder. */
static void add_header(struct strbuf *out, const struct container *c, const struct stage *stages, size_t count)
{
	strbuf_printf(out,
		      DOCKERFILE_MARK " A change made here is lost, and 'lockstep render --check' finds it; change these instead:\n"
				      "#     %s\n#     recipes/project.yaml, recipes/python.yaml\n#     recipes/bases/%s.yaml\n",
		      c->file, c->base->name);
	for (size_t i = 0; i < count; i++) {
		if (stages[i].kind == STAGE_LAYER)
			strbuf_printf(out, "#     recipes/layers/%s.yaml\n", stages[i].layer_use->layer->name);
	}
	strbuf_printf(
		out,
		"# 'lockstep build %s' fetches what it needs into its build context, %s/%s. After that any builder\n"
		"# that knows RUN --mount can build it: Docker 20.10 with BuildKit, buildah 1.24 and podman 4, or newer.\n"
		"# Debian packages are named without a version (hadolint's DL3008): their repository in the build context has those that were locked.\n#\n",
		c->name, RENDER_CONTEXTS, c->name);
	word_add_comment(out, c->name);
	word_add_comment(out, c->description);
}

/* Header, then the stages, each `FROM <the one before> AS <name>`. */
static int add_dockerfile(struct arena *a, const struct render *r, const struct container *c, struct strbuf *out, struct error *err)
{
	struct stage *stages = NULL;
	size_t count = 0;

	if (render_stages(a, r, c, &stages, &count, err) < 0)
		return -1;
	add_header(out, c, stages, count);
	for (size_t i = 0; i < count; i++)
		strbuf_printf(out, "\nFROM %s AS %s\n%s", stages[i].from ? stages[i].from : stages[i - 1].name, stages[i].name, stages[i].text);
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct rendered_file *)a)->path, ((const struct rendered_file *)b)->path);
}

static struct rendered_file *add_file(struct arena *a, struct rendered_file **files, size_t *count, const char *path, const struct strbuf *text)
{
	struct rendered_file *f = arena_push(a, files, count);

	*f = (struct rendered_file){.path = path, .text = arena_strndup(a, strbuf_text(text), text->length), .length = text->length};
	return f;
}

int render_files(struct arena *a, const struct database *db, struct rendered_file **ret, size_t *ret_count, struct error *err)
{
	struct render *r = render_open(a, db);
	struct rendered_file *files = NULL;
	size_t count = 0;
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];

		strbuf_clear(&text);
		if (add_dockerfile(a, r, c, &text, err) < 0)
			return -1;
		add_file(a, &files, &count, arena_printf(a, "containers/%s/Dockerfile", c->name), &text)->container = c->name;
	}
	strbuf_clear(&text);
	render_bake(db, &text);
	add_file(a, &files, &count, "containers/docker-bake.json", &text);
	qsort(files, count, sizeof(*files), compare_files);
	*ret = files;
	*ret_count = count;
	return 0;
}
