/* Answers questions about versions, specifiers, markers, requirements and wheels, for python_test.py, which asks `packaging` the same. One question a line, its
   fields parted by tabs, "\\", "\t", "\n", "\r", NUL ("\z") escaped; one line back for each. A field of "no" means that the text is not valid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "python/name.h"
#include "python/requirement.h"
#include "python/wheel.h"

enum { FIELD_LIMIT = 64, ENVIRONMENT_LIMIT = 16 };

struct question {
	struct arena arena; /* of this question */
	char *fields[FIELD_LIMIT];
	size_t lengths[FIELD_LIMIT];
	size_t count;
};

/* What earlier questions set for later ones. */
static struct {
	struct arena arena;
	struct marker_environment environments[ENVIRONMENT_LIMIT];
	size_t environment_count;
	const char **tags;
	size_t tag_count;
} state;

static struct strbuf answer;
static size_t answer_fields;

static void add(const char *text)
{
	if (answer_fields++)
		strbuf_add_char(&answer, '\t');
	for (; *text; text++) {
		const char *special = strchr("\\\t\n\r", *text);

		if (special)
			strbuf_add_char(&answer, '\\');
		strbuf_add_char(&answer, special ? "\\tnr"[special - "\\\t\n\r"] : *text);
	}
}

/* Cuts the line at tabs and takes the escapes back, in place. */
static void read_question(struct question *q, char *line)
{
	char *out = line;

	q->fields[q->count++] = out;
	for (char *at = line; *at && *at != '\n'; at++) {
		if (*at == '\t' && q->count < FIELD_LIMIT) {
			q->lengths[q->count - 1] = (size_t)(out - q->fields[q->count - 1]);
			*out++ = '\0';
			q->fields[q->count++] = out;
		} else if (*at == '\\' && at[1]) {
			at++;
			*out++ = *at == 't' ? '\t' : *at == 'n' ? '\n' : *at == 'r' ? '\r' : *at == 'z' ? '\0' : *at;
		} else {
			*out++ = *at;
		}
	}
	q->lengths[q->count - 1] = (size_t)(out - q->fields[q->count - 1]);
	*out = '\0';
}

static void ask_name(struct question *q)
{
	add(name_is_valid(q->fields[1]) ? "1" : "0");
	add(name_is_canonical(q->fields[1]) ? "1" : "0");
	add(name_canonical(&q->arena, q->fields[1]));
}

static void ask_version(struct question *q)
{
	struct version *v = version_parse(&q->arena, q->fields[1]);

	if (!v) {
		add("no");
		return;
	}
	add(version_normal(&q->arena, v));
	add(version_is_prerelease(v) ? "1" : "0");
	for (size_t i = 0; i <= version_release_count(v); i++)
		add(version_release_at(v, i));
}

static void ask_compare(struct question *q)
{
	int order = version_compare_texts(q->fields[1], q->fields[2]);

	add(order < 0 ? "<" : order > 0 ? ">" : "=");
}

static void ask_set(struct question *q)
{
	size_t at;
	struct specifier_set *set = specifier_set_parse(&q->arena, q->fields[1], &at);

	if (!set) {
		add("no");
		return;
	}
	add(specifier_set_normal(set));
	add(specifier_set_names_prerelease(set) ? "1" : "0");
	for (size_t i = 2; i < q->count; i++) {
		add(specifier_set_contains(set, q->fields[i], true) ? "1" : "0");
		add(specifier_set_contains(set, q->fields[i], false) ? "1" : "0");
	}
	for (enum specifier_prereleases rule = PRERELEASES_WHERE_NEEDED; rule <= PRERELEASES_LEFT; rule++) {
		bool kept[FIELD_LIMIT];
		char text[FIELD_LIMIT + 1] = "";

		specifier_set_filter(set, (const char *const *)q->fields + 2, q->count - 2, rule, kept);
		for (size_t i = 0; i + 2 < q->count; i++)
			text[i] = kept[i] ? '1' : '0';
		add(text);
	}
}

/* The eleven variables in the order of the struct, which is that of the alphabet but for platform_python_implementation. */
static void ask_environment(struct question *q)
{
	const char *f[12];

	for (size_t i = 1; i < 12; i++)
		f[i] = arena_strdup(&state.arena, i < q->count ? q->fields[i] : "");
	if (state.environment_count < ENVIRONMENT_LIMIT)
		state.environments[state.environment_count++] = (struct marker_environment){f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10], f[11]};
	add("ok");
}

static void ask_values(struct question *q)
{
	struct marker_environment e;

	marker_values(&(struct marker_interpreter){q->fields[1], q->fields[2], q->fields[3], q->fields[4]}, q->fields[5], &e);
	const char *const values[] = {e.implementation_name,
				      e.implementation_version,
				      e.os_name,
				      e.platform_machine,
				      e.platform_release,
				      e.platform_python_implementation,
				      e.platform_system,
				      e.platform_version,
				      e.python_full_version,
				      e.python_version,
				      e.sys_platform};

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		add(values[i]);
}

static void ask_marker(struct question *q)
{
	size_t at;
	struct marker *m = marker_parse(&q->arena, q->fields[1], &at);

	if (!m) {
		add("no");
		return;
	}
	char *normal = marker_normal(&q->arena, m);

	add(normal ? normal : "(quotes)");
	for (size_t i = 0; i < state.environment_count; i++) {
		bool defined, truth = marker_evaluate(m, &state.environments[i], q->fields[2], &defined);

		add(marker_holds(m, &state.environments[i], q->fields[2]) != truth ? "(holds differs)" : !defined ? "?" : truth ? "1" : "0");
	}
}

static void ask_requirement(struct question *q)
{
	size_t at;
	const char *why;
	struct requirement *r = requirement_parse(&q->arena, q->fields[1], &at, &why);

	if (!r) {
		add("no");
		return;
	}
	char *marker = r->marker ? marker_normal(&q->arena, r->marker) : NULL;

	add(r->name);
	add(r->canonical);
	add(r->specifier);
	add(r->url ? r->url : "(none)");
	add(!r->marker ? "(none)" : marker ? marker : "(quotes)");
	for (size_t i = 0; i < r->extra_count; i++)
		add(r->extras[i]);
}

static void ask_wheel(struct question *q)
{
	struct wheel_name wheel;

	if (!wheel_name_parse(&q->arena, q->fields[1], &wheel)) {
		add("no");
		return;
	}
	autofree char *rank = mem_printf("%ld", wheel_rank(&wheel, state.tags, state.tag_count));

	add(wheel.name);
	add(wheel.version);
	add(wheel.build ? wheel.build : "(none)");
	add(rank);
	for (size_t i = 0; i < wheel.tag_count; i++)
		add(wheel.tags[i]);
}

static void ask_tags(struct question *q)
{
	struct wheel_platform platform = {q->fields[1], q->fields[2], q->fields[3], q->fields[4], *q->fields[5] ? q->fields[5] : NULL};

	arena_release(&state.arena);
	state.environment_count = 0;
	wheel_tags(&state.arena, &platform, &state.tags, &state.tag_count);
	for (size_t i = 0; i < state.tag_count; i++)
		add(state.tags[i]);
}

static void add_metadata(const struct wheel_metadata *m)
{
	autofree char *dist_count = mem_printf("%zu", m->requires_dist_count);

	add(m->name);
	add(m->version);
	add(m->requires_python ? m->requires_python : "(none)");
	add(m->metadata_sha256);
	add(dist_count);
	for (size_t i = 0; i < m->requires_dist_count; i++)
		add(m->requires_dist[i]);
	for (size_t i = 0; i < m->provides_extra_count; i++)
		add(m->provides_extra[i]);
}

static void ask_metadata(struct question *q)
{
	autoerror struct error err = {0};
	struct wheel_metadata m;

	if (wheel_metadata_parse(&q->arena, q->fields[1], q->lengths[1], &m, &err)) {
		add("no");
		add(err.text);
		return;
	}
	add_metadata(&m);
}

static void ask_wheel_file(struct question *q)
{
	autoerror struct error err = {0};
	struct wheel_metadata m;

	if (wheel_metadata_read(&q->arena, q->fields[1], &m, &err)) {
		add("no");
		add(err.text);
		return;
	}
	add_metadata(&m);
}

static const struct {
	const char *word;
	void (*ask)(struct question *q);
	size_t fields; /* at least, the word included */
} questions[] = {
	{"name", ask_name, 2},     {"version", ask_version, 2},          {"compare", ask_compare, 3},
	{"set", ask_set, 2},       {"environment", ask_environment, 12}, {"values", ask_values, 6},
	{"marker", ask_marker, 3}, {"requirement", ask_requirement, 2},  {"wheel", ask_wheel, 2},
	{"tags", ask_tags, 6},     {"metadata", ask_metadata, 2},        {"wheel-file", ask_wheel_file, 2},
};

int main(void)
{
	autofree char *line = NULL;
	size_t capacity = 0;

	while (getline(&line, &capacity, stdin) > 0) {
		struct question q = {0};
		bool known = false;

		read_question(&q, line);
		strbuf_clear(&answer);
		answer_fields = 0;
		for (size_t i = 0; i < ARRAY_LEN(questions) && !known; i++) {
			known = !strcmp(q.fields[0], questions[i].word) && q.count >= questions[i].fields;
			if (known)
				questions[i].ask(&q);
		}
		arena_release(&q.arena);
		if (!known) {
			fprintf(stderr, "not a question: '%s'\n", q.fields[0]);
			return 1;
		}
		puts(strbuf_text(&answer));
	}
	strbuf_release(&answer);
	arena_release(&state.arena);
	return 0;
}
