#include <string.h>

#include "base/text.h"
#include "io/json.h"
#include "recipe/database.h"
#include "render/dockerfile.h"

/* bake reads its JSON as HCL, where "${" and "%{" begin a template in any text; doubled they stand for themselves. */
static void add_literal(struct json_writer *w, const char *key, const char *text)
{
	autostrbuf struct strbuf literal = {0};

	for (const char *p = text; *p; p++) {
		if ((*p == '$' || *p == '%') && p[1] == '{')
			strbuf_add_char(&literal, *p);
		strbuf_add_char(&literal, *p);
	}
	json_add_text(w, key, strbuf_text(&literal));
}

/* A target's name has no dots (bake: "only A-Z, a-z, 0-9, _ and -"). */
static void add_target_name(struct strbuf *out, const char *container)
{
	for (const char *p = container; *p; p++)
		strbuf_add_char(out, *p == '.' ? '_' : *p);
}

static const char *platform_of(const struct environment *e)
{
	return text_equal(e->machine, "aarch64") ? "linux/arm64" : "linux/amd64";
}

static void add_target(struct json_writer *w, const struct database *db, const struct container *c)
{
	autostrbuf struct strbuf name = {0}, context = {0}, dockerfile = {0}, tag = {0};

	add_target_name(&name, c->name);
	strbuf_printf(&context, RENDER_CONTEXTS "/%s", c->name);
	/* bake reads it from the context folder, which is three below the project's root */
	strbuf_printf(&dockerfile, "../../../containers/%s/Dockerfile", c->name);
	strbuf_printf(&tag, "%s/%s:${LOCKSTEP_RELEASE}", db->project.repository, c->name);
	json_begin_object(w, strbuf_text(&name));
	json_add_text(w, "context", strbuf_text(&context));
	json_add_text(w, "dockerfile", strbuf_text(&dockerfile));
	json_begin_object(w, "labels");
	add_literal(w, "org.opencontainers.image.title", c->name);
	json_add_text(w, "org.opencontainers.image.version", "${LOCKSTEP_RELEASE}");
	json_end_object(w);
	json_begin_array(w, "platforms");
	json_add_text(w, NULL, platform_of(&c->base->environment));
	json_end_array(w);
	json_begin_array(w, "tags");
	json_add_text(w, NULL, strbuf_text(&tag));
	json_end_array(w);
	json_end_object(w);
}

void render_bake(const struct database *db, struct strbuf *out)
{
	struct json_writer w = {.out = out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "//",
		      "Made by 'lockstep render' from recipes/ and containers/*/container.yaml. After 'lockstep build', from the project's root: "
		      "LOCKSTEP_RELEASE=v0.1 docker buildx bake -f containers/docker-bake.json");
	json_begin_object(&w, "group");
	json_begin_object(&w, "default");
	json_begin_array(&w, "targets");
	for (size_t i = 0; i < db->container_count; i++) {
		autostrbuf struct strbuf name = {0};

		add_target_name(&name, db->containers[i].name);
		json_add_text(&w, NULL, strbuf_text(&name));
	}
	json_end_array(&w);
	json_end_object(&w);
	json_end_object(&w);
	json_begin_object(&w, "target");
	for (size_t i = 0; i < db->container_count; i++)
		add_target(&w, db, &db->containers[i]);
	json_end_object(&w);
	json_begin_object(&w, "variable");
	json_begin_object(&w, "LOCKSTEP_RELEASE");
	json_add_text(&w, "default", "unreleased");
	json_end_object(&w);
	json_end_object(&w);
	json_end_object(&w);
}
