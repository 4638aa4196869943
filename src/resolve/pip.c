#include "resolve/pip.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "io/http.h"
#include "io/json.h"
#include "io/process.h"
#include "python/requirement.h"
#include "lock/environment.h"
#include "resolve/pip_answer.h"
#include "resolve/uv_said.h"

__asm__(".section .rodata\n"
	".balign 16\n"
	"pip_search_script:\n"
	".incbin \"src/resolve/pip_search.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char pip_search_script[];

/* Functions of pip's that are not promised to stay are wrapped. */
static const char known_version[] = "26.";
static const char answer_name[] = "answer.json";

static int find_python(struct search *search, const char *root, struct error *err)
{
	const char *said = getenv("LOCKSTEP_PIP_PYTHON");
	const char *own = process_find_set_up(search->arena, root, "resolvers/bin/python");

	if (said && *said) {
		search->python = arena_strdup(search->arena, said);
		return access(said, X_OK) == 0 ? 0 : error_errno(err, "cannot run '%s', which LOCKSTEP_PIP_PYTHON names", said);
	}
	if (own) {
		search->python = own;
		return 0;
	}
	autofree char *found = process_find("python3");

	if (!found)
		return error_set(err, ERR_NOT_FOUND, "no python3 on this machine, and so no pip, which 'resolver: pip' in recipes/project.yaml asks for");
	search->python = arena_strdup(search->arena, found);
	return 0;
}

static int ask_version(struct search *ret, struct error *err)
{
	autoresult struct process_result result = {0};

	const char *argv[] = {ret->python, "-I", "-c", "import pip; print(pip.__version__)", NULL};
	struct process_spec spec = {.argv = argv, .timeout_ms = 60000};

	if (process_run(&spec, &result, err) < 0)
		return -1;
	if (result.exit_status != 0)
		error_set(err, ERR_NOT_FOUND, "'%s' has no pip, which 'resolver: pip' in recipes/project.yaml asks for", ret->python);
	else if (!text_starts_with(strbuf_text(&result.out), known_version))
		error_set(err, ERR_FAILED, "'%s' has pip %.*s, whose resolver is not known to lockstep; it knows %sx", ret->python,
			  (int)strcspn(strbuf_text(&result.out), "\n"), strbuf_text(&result.out), known_version);
	else
		ret->version = arena_strndup(ret->arena, strbuf_text(&result.out), strcspn(strbuf_text(&result.out), "\n"));
	return ret->version
		       ? 0
		       : error_hint(
				 err,
				 "run tools/setup in lockstep's own folder, which installs the right one, or name an interpreter that has it with LOCKSTEP_PIP_PYTHON");
}

/* What it may read of this machine's is told as options; netrc has none. */
static int find(struct search *search, const char *root, struct error *err)
{
	size_t count = 0;

	if (find_python(search, root, err) < 0 || ask_version(search, err) < 0)
		return -1;
	search->program = search->python;
	if (search->settings->netrc)
		*arena_push(search->arena, &search->environment, &count) = arena_printf(search->arena, "NETRC=%s", search->settings->netrc);
	*arena_push(search->arena, &search->environment, &count) = NULL;
	return 0;
}

static void add_text(struct json_writer *w, const char *text)
{
	json_add_text(w, NULL, text);
}

static void add_pair(struct json_writer *w, const char *option, const char *value)
{
	if (!value)
		return;
	add_text(w, option);
	add_text(w, value);
}

/* The user's settings as options: pip itself is told to look at no configuration, as uv's count too. */
static void add_arguments(struct json_writer *w, const struct search *search)
{
	const struct settings *s = search->settings;
	autofree char *timeout = s->timeout_ms > 0 ? mem_printf("%lld", (long long)(s->timeout_ms + 999) / 1000) : NULL;
	bool first = true;

	json_begin_array(w, "arguments");
	add_pair(w, "--cert", s->ca_file);
	add_pair(w, "--client-cert", s->client_cert);
	add_pair(w, "--proxy", s->proxy);
	add_pair(w, "--timeout", timeout);
	for (const char *const *host = (const char *const *)s->trusted_hosts; host && *host; host++)
		add_pair(w, "--trusted-host", *host);
	for (size_t i = 0; i < s->find_links_count; i++) {
		if (strstr(s->find_links[i], "://") || file_is_dir(s->find_links[i]))
			add_pair(w, "--find-links", s->find_links[i]);
	}
	if (s->no_index)
		add_text(w, "--no-index");
	for (size_t i = 0; i < search->indexes.count && !s->no_index; i++) {
		if (search->indexes.items[i].explicit_only)
			continue;
		add_pair(w, first ? "--index-url" : "--extra-index-url", uv_index_address(search->arena, &search->indexes.items[i]));
		first = false;
	}
	/* An index for those packages alone that are bound to it stands last: it is not heard about others. */
	for (size_t i = 0; i < search->indexes.count && !s->no_index; i++) {
		if (search->indexes.items[i].explicit_only)
			add_pair(w, "--extra-index-url", uv_index_address(search->arena, &search->indexes.items[i]));
	}
	json_end_array(w);
}

static void add_indexes(struct json_writer *w, const struct search *search)
{
	json_begin_array(w, "indexes");
	for (size_t i = 0; i < search->indexes.count; i++) {
		json_begin_object(w, NULL);
		json_add_text(w, "alias", search->indexes.items[i].alias);
		json_add_text(w, "url", search->indexes.items[i].url);
		json_add_boolean(w, "explicit", search->indexes.items[i].explicit_only);
		json_end_object(w);
	}
	json_end_array(w);
}

static void add_bound(struct json_writer *w, const struct question *q)
{
	json_begin_object(w, "bound");
	for (size_t i = 0; i < q->bond_count; i++) {
		if (q->bonds[i].index)
			json_add_text(w, q->bonds[i].canonical, q->bonds[i].index);
	}
	json_end_object(w);
}

static void add_dropped(struct json_writer *w, const struct question *q)
{
	json_begin_array(w, "dropped");
	for (size_t i = 0; i < q->left_out_edge_count; i++) {
		const struct left_out_edge *edge = &q->left_out_edges[i];

		json_begin_array(w, NULL);
		add_text(w, edge->package);
		json_add_text(w, NULL, edge->version);
		add_text(w, edge->waiver->required);
		json_end_array(w);
	}
	json_end_array(w);
}

/* name -> versions of the last lock. Its pins are sorted by name. */
static void add_preferred(struct json_writer *w, const struct question *q, const struct search_wish *wish)
{
	const char *open = NULL;

	json_begin_object(w, "preferred");
	for (size_t i = 0; wish->last && !wish->upgrade_all && i < wish->last->pin_count; i++) {
		const struct pin *pin = &wish->last->pins[i];

		if (!question_concerns(q, pin) || search_wish_moves(wish, pin->name) || (open && !strcmp(open, pin->name)))
			continue;
		json_begin_array(w, pin->name);
		for (size_t j = i; j < wish->last->pin_count; j++) {
			if (!strcmp(wish->last->pins[j].name, pin->name) && question_concerns(q, &wish->last->pins[j]))
				add_text(w, wish->last->pins[j].version);
		}
		json_end_array(w);
		open = pin->name;
	}
	json_end_object(w);
}

static void add_markers(struct json_writer *w, const struct marker_environment *e)
{
	json_begin_object(w, NULL);
	json_add_text(w, "implementation_name", e->implementation_name);
	json_add_text(w, "implementation_version", e->implementation_version);
	json_add_text(w, "os_name", e->os_name);
	json_add_text(w, "platform_machine", e->platform_machine);
	json_add_text(w, "platform_python_implementation", e->platform_python_implementation);
	json_add_text(w, "platform_release", e->platform_release);
	json_add_text(w, "platform_system", e->platform_system);
	json_add_text(w, "platform_version", e->platform_version);
	json_add_text(w, "python_full_version", e->python_full_version);
	json_add_text(w, "python_version", e->python_version);
	json_add_text(w, "sys_platform", e->sys_platform);
	json_end_object(w);
}

/* A package from one place: whoever requires it gets it from there. */
static void add_place(struct json_writer *w, const struct bond *bond)
{
	autostrbuf struct strbuf text = {0};

	if (bond->file) {
		strbuf_printf(&text, "%s @ file://", bond->canonical);
		text_percent_encode(&text, bond->file, "/");
	} else if (bond->reference && bond->reference->kind == REFERENCE_URL) {
		strbuf_printf(&text, "%s @ %s#sha256=%s", bond->canonical, bond->reference->url, bond->reference->sha256);
	}
	if (text.length)
		add_text(w, strbuf_text(&text));
}

static void add_constraints(struct json_writer *w, const struct question *q)
{
	json_begin_array(w, "constraints");
	for (size_t i = 0; i < q->bond_count; i++)
		add_place(w, &q->bonds[i]);
	for (size_t i = 0; i < q->exclusion_count; i++)
		add_text(w, q->exclusions[i]);
	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].want_count && !q->askers[i].left_out; j++) {
			const struct want *want = &q->askers[i].wants[j];
			autostrbuf struct strbuf text = {0};

			if (want->left_out || want->loose || !*want->specifier || want->may_differ)
				continue;
			strbuf_printf(&text, "%s%s%s%s", want->canonical, want->specifier, want->marker ? " ; " : "", want->marker ? want->marker : "");
			add_text(w, strbuf_text(&text));
		}
	}
	json_end_array(w);
}

static bool takes(struct search *search, const struct lock_environment *environment, const char *tag)
{
	const char *const *tags;
	size_t count, i = 0;

	lock_environment_tags(search->arena, environment, &tags, &count);
	while (i < count && strcmp(tags[i], tag) != 0)
		i++;
	return i < count;
}

static bool all_take(struct search *search, const struct pip_run *run, const char *libc, const char *tag)
{
	if (!strcmp(run->environment->libc, libc) && !takes(search, run->environment, tag))
		return false;
	for (size_t i = 0; i < run->other_count; i++) {
		if (!strcmp(run->others[i]->libc, libc) && !takes(search, run->others[i], tag))
			return false;
	}
	return true;
}

/* The tags of this environment that all of its C library in the run can use. */
static void add_tags(struct json_writer *w, struct search *search, const struct pip_run *run, const struct lock_environment *environment)
{
	const char *const *tags;
	size_t count;

	lock_environment_tags(search->arena, environment, &tags, &count);
	for (size_t i = 0; i < count; i++) {
		if (all_take(search, run, environment->libc, tags[i]))
			add_text(w, tags[i]);
	}
}

/* No wheel but a pure one is for two C libraries, so each adds its own: whether a version has files for all of them is seen when it is picked. */
static void add_all_tags(struct json_writer *w, struct search *search, const struct pip_run *run)
{
	json_begin_array(w, "tags");
	add_tags(w, search, run, run->environment);
	for (size_t i = 0; i < run->other_count; i++) {
		bool is_known = !strcmp(run->others[i]->libc, run->environment->libc);

		for (size_t j = 0; j < i && !is_known; j++)
			is_known = !strcmp(run->others[i]->libc, run->others[j]->libc);
		if (!is_known)
			add_tags(w, search, run, run->others[i]);
	}
	json_end_array(w);
}

static void add_run(struct json_writer *w, struct search *search, const struct question *q, const struct pip_run *run)
{
	json_begin_object(w, NULL);
	json_add_text(w, "python", run->environment->python);
	json_begin_array(w, "markers");
	add_markers(w, &run->values.lowest);
	add_markers(w, &run->values.highest);
	json_end_array(w);
	add_all_tags(w, search, run);
	json_begin_array(w, "requirements");
	for (size_t i = 0; i < run->asker_count; i++) {
		const struct asker *asker = &q->askers[run->askers[i]];

		for (size_t j = 0; j < asker->want_count; j++) {
			autostrbuf struct strbuf text = {0};

			if (asker->wants[j].left_out || (asker->wants[j].is_limit && !asker->wants[j].may_differ))
				continue;
			want_add_requirement(&text, &asker->wants[j]);
			add_text(w, strbuf_text(&text));
		}
	}
	json_end_array(w);
	add_constraints(w, q);
	json_end_object(w);
}

static void add_question(struct strbuf *out, struct search *search, const struct question *q, const struct search_wish *wish, const struct pip_run *runs,
			 size_t count)
{
	struct json_writer w = {.out = out, .compact = true};
	autostrbuf struct strbuf date = {0};

	json_begin_object(&w, NULL);
	add_arguments(&w, search);
	add_indexes(&w, search);
	add_bound(&w, q);
	if (search->cut_off_unix)
		clock_add_rfc3339(&date, search->cut_off_unix);
	json_add_text(&w, "before", search->cut_off_unix ? strbuf_text(&date) : NULL);
	add_dropped(&w, q);
	add_preferred(&w, q, wish);
	json_begin_array(&w, "runs");
	for (size_t i = 0; i < count; i++)
		add_run(&w, search, q, &runs[i]);
	json_end_array(&w);
	json_end_object(&w);
}

static void add_other(struct search *search, struct pip_run *run, const struct lock_environment *environment)
{
	bool known = run->environment == environment;

	for (size_t i = 0; i < run->other_count && !known; i++)
		known = run->others[i] == environment;
	if (!known)
		*arena_push(search->arena, &run->others, &run->other_count) = environment;
}

/* Into the first run of its environment in which it is in conflict with nobody. */
static void place_asker(struct search *search, const struct question *q, size_t asker, const struct lock_environment *environment, struct pip_run **runs,
			size_t *count)
{
	struct pip_run *run = NULL;

	for (size_t i = 0; i < *count && !run; i++) {
		bool free = environment_same_markers((*runs)[i].environment, environment);

		for (size_t j = 0; j < (*runs)[i].asker_count && free; j++)
			free = !question_in_conflict(q, asker, (*runs)[i].askers[j]);
		run = free ? &(*runs)[i] : NULL;
	}
	if (run) {
		add_other(search, run, environment);
		if (run->askers[run->asker_count - 1] == asker)
			return;
	}
	if (!run) {
		run = arena_push(search->arena, runs, count);
		run->environment = environment;
		environment_values(search->arena, environment, &run->values);
	}
	*arena_push(search->arena, &run->askers, &run->asker_count) = asker;
}

static void make_runs(struct search *search, const struct question *q, struct pip_run **ret, size_t *ret_count)
{
	*ret = NULL;
	*ret_count = 0;
	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].environment_count && !q->askers[i].left_out; j++)
			place_asker(search, q, i, q->askers[i].environments[j], ret, ret_count);
	}
}

static int failed(const struct search *search, const struct value *failure, struct error *err)
{
	const char *alias = value_get_text(failure, "index"), *status = value_get_text(failure, "status"), *text = value_get_text(failure, "text");
	const char *url = value_get_text(failure, "url");
	const struct uv_index *index = alias ? uv_indexes_find(&search->indexes, alias) : NULL;

	if (text && strstr(text, "does not provide upload-time metadata"))
		return uv_no_upload_times(search, err);
	if (!index && url)
		return uv_place_unreachable(url, status ? status : text, err);
	if (!index)
		return error_set(err, status ? ERR_HTTP : ERR_ENGINE, "pip %s failed: %s%s%s", search->version, status ? status : "", status ? ": " : "",
				 text && *text ? text : "it says nothing");
	return status ? uv_index_answered(index, status, err) : uv_index_unreachable(index, text, err);
}

static int refused(struct search *search, const struct value *from, struct search_refusal *ret)
{
	const struct value *missing = value_get(from, "missing");
	const char *text = value_get_text(from, "text");

	*ret = (struct search_refusal){.text = arena_strdup(search->arena, text ? text : ""),
				       .no_wheel = value_get_boolean(from, "no_wheel", false),
				       .no_version = value_get_boolean(from, "no_version", false)};
	for (size_t i = 0; missing && missing->kind == VALUE_ARRAY && i < missing->item_count; i++) {
		if (missing->items[i]->kind == VALUE_TEXT)
			*arena_push(search->arena, &ret->missing, &ret->missing_count) = missing->items[i]->text;
	}
	return 0;
}

static int parse(struct search *search, const char *path, struct value **ret, struct error *err)
{
	enum { ANSWER_LIMIT_BYTES = 256 * 1024 * 1024 };
	autostrbuf struct strbuf text = {0};

	if (file_read(path, ANSWER_LIMIT_BYTES, &text, err) < 0)
		return -1;
	return json_parse(search->arena, "pip's answer", strbuf_text(&text), text.length, ret, err);
}

static int call(struct search *search, const struct question *q, const struct search_wish *wish, struct search_call *ret, struct error *err)
{
	const char *const argv[] = {search->program, "-I", "-c", pip_search_script, answer_name, NULL};
	struct pip_run *runs;
	size_t count, argument_count = 0;

	if (search->settings->offline && !search->settings->no_index)
		return error_set(err, ERR_INPUT, "pip cannot resolve offline; use 'resolver: uv' in recipes/project.yaml, or take the offline setting away");
	make_runs(search, q, &runs, &count);
	add_question(&ret->input, search, q, wish, runs, count);
	for (size_t i = 0; i < ARRAY_LEN(argv); i++)
		*arena_push(search->arena, &ret->argv, &argument_count) = argv[i];
	return 0;
}

static int read_answer(struct search *search, const struct question *q, const char *folder, const struct process_result *result, struct uv_lock *ret,
		       struct search_refusal *refusal, struct error *err)
{
	struct pip_run *runs;
	struct value *answer;
	size_t count;

	if (result->exit_status != 0)
		return error_set(err, ERR_FAILED, "pip %s failed: %s", search->version, strbuf_text(&result->err_out));
	if (parse(search, path_join(search->arena, folder, answer_name), &answer, err) < 0)
		return -1;
	if (value_get(answer, "failed"))
		return failed(search, value_get(answer, "failed"), err);
	if (value_get(answer, "refused"))
		return refused(search, value_get(answer, "refused"), refusal);
	make_runs(search, q, &runs, &count);
	return pip_answer_read(search, q, runs, count, answer, ret, err) < 0 ? -1 : 1;
}

const struct searcher searcher_pip = {
	.name = "pip",
	.missing_hint = "set LOCKSTEP_PIP_PYTHON to an interpreter that has a pip lockstep knows; 'tools/setup run' in lockstep's own folder installs one",
	.find = find,
	.call = call,
	.read = read_answer,
};
