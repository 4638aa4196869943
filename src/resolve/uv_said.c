#include "resolve/uv_said.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/http.h"
#include "resolve/uv_files.h"

static void replace_all(struct strbuf *text, const char *from, const char *to)
{
	struct strbuf out = {0};
	const char *p = strbuf_text(text), *next;
	size_t length = strlen(from);

	while (length && (next = strstr(p, from))) {
		strbuf_add_bytes(&out, p, (size_t)(next - p));
		strbuf_add(&out, to);
		p = next + length;
	}
	strbuf_add(&out, p);
	strbuf_release(text);
	*text = out;
}

/* Our names for what uv was given: "lockstep-union:c2" is container 'ci-gpu'. Last ones first, as c1 begins c12. */
static void name_askers(struct strbuf *text, const struct question *q)
{
	for (size_t i = q->asker_count; i-- > 0;) {
		autostrbuf struct strbuf group = {0}, name = {0};

		strbuf_add(&group, UV_PROJECT ":");
		uv_add_group(&group, i);
		asker_add_name(&name, &q->askers[i]);
		replace_all(text, strbuf_text(&group), strbuf_text(&name));
	}
	replace_all(text, UV_PROJECT ":" UV_BOUND_GROUP, "the list of bound packages");
	replace_all(text, "your project requires", "we need");
	replace_all(text, "your project's", "our");
}

/* uv writes a requirement with a marker as "name{marker}"; ours only say which container it is about, and that is said already. */
static void drop_markers(struct strbuf *text)
{
	struct strbuf out = {0};

	for (const char *p = strbuf_text(text); *p; p++) {
		const char *end = *p == '{' && text_starts_with(p + 1, "python_full_version ") ? strchr(p, '}') : NULL;

		if (end)
			p = end;
		else
			strbuf_add_char(&out, *p);
	}
	strbuf_release(text);
	*text = out;
}

static void name_indexes(struct strbuf *text, const struct search *search)
{
	for (size_t i = 0; i < search->indexes.count; i++) {
		const struct uv_index *index = &search->indexes.items[i];

		if (index->url) {
			autofree char *name = mem_printf("index '%s' ", index->alias);

			replace_all(text, index->url, name);
		}
	}
}

/* The paragraphs of "error: ...", "  cause: ..." without their labels and indents, one line each; hints and what was said before are left out. */
static void read_sentences(struct strbuf *out, const char *said, bool with_first)
{
	bool inside = false;

	while (*said) {
		size_t length = strcspn(said, "\n");
		const char *p = said;

		while (*p == ' ')
			p++;
		bool begins = text_starts_with(p, "error: "), cause = text_starts_with(p, "cause: ");

		if (begins || cause)
			inside = true;
		if (text_starts_with(p, "hint: ") || text_starts_with(p, "warning: "))
			inside = false;
		if (begins || cause)
			p += 7;
		if (inside && (!begins || with_first) && p < said + length) {
			strbuf_add(out, out->length ? "\n" : "");
			strbuf_add_bytes(out, p, (size_t)(said + length - p));
		}
		said += length + (said[length] == '\n');
	}
}

/* The words before " was not found in the package registry". */
static void collect_missing(struct arena *a, const char *text, struct search_refusal *ret)
{
	static const char phrase[] = " was not found in the package registry";

	for (const char *p = text; (p = strstr(p, phrase)); p += strlen(phrase)) {
		const char *begin = p;

		while (begin > text && (isalnum((unsigned char)begin[-1]) || strchr("-_.", begin[-1])))
			begin--;
		if (begin < p)
			*arena_push(a, &ret->missing, &ret->missing_count) = arena_strndup(a, begin, (size_t)(p - begin));
	}
}

static void add_without_wheels(struct arena *a, const char *name, size_t length, struct search_refusal *ret)
{
	const char *copy = arena_strndup(a, name, length);

	for (size_t i = 0; i < ret->without_wheel_count; i++) {
		if (!strcmp(ret->without_wheels[i], copy))
			return;
	}
	if (length)
		*arena_push(a, &ret->without_wheels, &ret->without_wheel_count) = copy;
}

/* "name==1.0 has no `...`-compatible wheels", "all versions of name have no usable wheels": whose the phrase at `p` is. */
static void collect_subject(struct arena *a, const char *text, const char *p, struct search_refusal *ret)
{
	static const char in_names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *wheels = strstr(p, "wheels"), *end = strpbrk(p + 1, ",\n"), *begin = p;

	if (!wheels || (end && end < wheels))
		return;
	while (begin > text && !isspace((unsigned char)begin[-1]))
		begin--;
	add_without_wheels(a, begin, strspn(begin, in_names), ret);
}

/* And "hint: Wheels are required for `name` because building from source is disabled". */
static void collect_without_wheels(struct arena *a, const char *said, const char *text, struct search_refusal *ret)
{
	static const char phrase[] = "Wheels are required for `";
	static const char *const verbs[] = {" has no ", " have no "};

	for (const char *p = said; (p = strstr(p, phrase)); p++) {
		const char *begin = p + strlen(phrase);

		add_without_wheels(a, begin, strcspn(begin, "`\n"), ret);
	}
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		for (const char *p = text; (p = strstr(p, verbs[i])); p++)
			collect_subject(a, text, p, ret);
	}
}

/* The index that an address belongs to, or NULL (files may lie elsewhere). */
static const struct uv_index *index_of(const struct search *search, const char *text)
{
	for (size_t i = 0; i < search->indexes.count; i++) {
		if (search->indexes.items[i].url && strstr(text, search->indexes.items[i].url))
			return &search->indexes.items[i];
	}
	return NULL;
}

static bool has_built_in(const struct search *search)
{
	for (size_t i = 0; i < search->indexes.count; i++) {
		if (!search->indexes.items[i].url)
			return true;
	}
	return false;
}

/* What helps against a status, told once for all that can be asked. */
static int hint_at_status(const char *status, struct error *err)
{
	if (text_starts_with(status, "401") || text_starts_with(status, "403"))
		return error_hint(err,
				  "give it credentials: in netrc, in the address in your own pip or uv settings, or in UV_INDEX_<NAME>_USERNAME and _PASSWORD");
	if (*status == '5' || text_starts_with(status, "429"))
		return error_hint(err, "that is trouble of its own, which mostly passes; run the same command again later");
	return error_hint(err, "what it lists it should have: ask whoever runs it, or use another index or mirror");
}

static int hint_at_network(struct error *err)
{
	return error_hint(err, "is the address right, and do http_proxy, https_proxy and no_proxy suit this network? then run the same command again");
}

int uv_index_answered(const struct uv_index *index, const char *status, struct error *err)
{
	error_set(err, ERR_HTTP, "index '%s' (from %s) answered %s", index->alias, index->from, status);
	return hint_at_status(status, err);
}

int uv_index_unreachable(const struct uv_index *index, const char *why, struct error *err)
{
	error_set(err, ERR_NETWORK, "cannot reach index '%s' (from %s): %s", index->alias, index->from, why ? why : "no answer");
	return hint_at_network(err);
}

int uv_place_unreachable(const char *url, const char *why, struct error *err)
{
	autofree char *safe = http_redacted(url);

	error_set(err, ERR_NETWORK, "cannot reach '%s': %s", safe, why ? why : "no answer");
	return hint_at_network(err);
}

int uv_no_upload_times(const struct search *search, struct error *err)
{
	error_set(err, ERR_FAILED, "the index does not say when files were uploaded, so nothing can be locked as of a date");
	return error_hint(err, "leave %s away, or use an index with upload times (PEP 700)",
			  search->cut_off_unix ? "--at" : "exclude-newer in your own uv settings");
}

static int refused(const struct search *search, const char *said, const char *status, struct error *err)
{
	const struct uv_index *index = index_of(search, said);

	return index ? uv_index_answered(index, status, err) : error_set(err, ERR_HTTP, "an index answered %s", status);
}

static const char *first_address(struct arena *a, const char *said)
{
	const char *p = strstr(said, "Failed to fetch: ");

	if (!p)
		return NULL;
	p += strlen("Failed to fetch: ");
	p += *p == '`';
	autofree char *url = mem_strndup(p, strcspn(p, "`\n"));
	autofree char *safe = http_redacted(url);

	return arena_strdup(a, safe);
}

/* The package that recipes/ take from the address that could not be fetched, or NULL. */
static const struct bond *bond_of(const struct question *q, const char *said)
{
	const char *p = strstr(said, "Failed to fetch: ");

	if (!p)
		return NULL;
	p += strlen("Failed to fetch: ");
	p += *p == '`';
	for (size_t i = 0; i < q->bond_count; i++) {
		const struct reference *r = q->bonds[i].reference;

		/* uv may write its hash behind it. */
		if (r && r->kind == REFERENCE_URL && text_starts_with(p, r->url) && strchr("`#\n", p[strlen(r->url)]))
			return &q->bonds[i];
	}
	return NULL;
}

static int hint_at_reference(const char *status, struct error *err)
{
	if (text_starts_with(status, "404") || text_starts_with(status, "410"))
		return error_hint(err, "is the address right? nothing is there");
	return hint_at_status(status, err);
}

static int could_not_ask(struct search *search, const struct question *q, const char *said, struct error *err)
{
	const struct bond *bond = bond_of(q, said);
	const char *address = first_address(search->arena, said), *last_cause = said;
	const struct uv_index *index = index_of(search, said);
	autostrbuf struct strbuf who = {0};

	if (bond)
		strbuf_printf(&who, "'%s', which package '%s' is taken from (%s:%u:%u),", bond->reference->url, bond->canonical, bond->reference->pos.file,
			      bond->reference->pos.line, bond->reference->pos.column);
	else if (index)
		strbuf_printf(&who, "index '%s' (from %s)", index->alias, index->from);
	else if (address && has_built_in(search))
		strbuf_printf(&who, "index 'default' (built in; '%s')", address);
	else if (address)
		strbuf_printf(&who, "'%s'", address);
	else
		strbuf_add(&who, "an index");
	const char *status = strstr(said, "HTTP status ");

	if (status && (status = strchr(status, '('))) {
		int length = (int)strcspn(status + 1, ")");

		error_set(err, ERR_HTTP, "%s answered %.*s", strbuf_text(&who), length, status + 1);
		return bond ? hint_at_reference(status + 1, err) : hint_at_status(status + 1, err);
	}
	for (const char *p = said; (p = strstr(p, "  cause: ")); p++)
		last_cause = p + strlen("  cause: ");
	error_set(err, ERR_NETWORK, "cannot reach %.*s: %.*s", (int)who.length - (bond != NULL), strbuf_text(&who), (int)strcspn(last_cause, "\n"), last_cause);
	return hint_at_network(err);
}

static int other_failure(struct search *search, const struct question *q, const struct process_result *result, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	read_sentences(&text, strbuf_text(&result->err_out), true);
	if (!text.length)
		strbuf_add(&text, strbuf_text(&result->err_out));
	name_askers(&text, q);
	name_indexes(&text, search);
	if (result->signal)
		return error_set(err, ERR_ENGINE, "uv was ended by signal %d", result->signal);
	return error_set(err, ERR_ENGINE, "uv failed (exit %d): %s", result->exit_status, strbuf_text(&text));
}

int uv_said(struct search *search, const struct question *q, const struct process_result *result, struct search_refusal *refusal, struct error *err)
{
	const char *said = strbuf_text(&result->err_out);
	autostrbuf struct strbuf text = {0};

	if (strstr(said, "Failed to fetch: ") || strstr(said, "error sending request"))
		return could_not_ask(search, q, said, err);
	if (!strstr(said, "No solution found"))
		return other_failure(search, q, result, err);
	if (strstr(said, "(401 Unauthorized)"))
		return refused(search, said, "401 Unauthorized", err);
	if (strstr(said, "403 Forbidden"))
		return refused(search, said, "403 Forbidden", err);
	if (strstr(said, "is missing an upload date"))
		return uv_no_upload_times(search, err);
	if (search->settings->offline && !search->settings->no_index && strstr(said, "was not found in the cache"))
		return error_set(
			err, ERR_NETWORK,
			"uv's cache does not hold what is needed, and UV_OFFLINE says to ask no index; lock without it once, offline works from then on");
	read_sentences(&text, said, false);
	drop_markers(&text);
	name_askers(&text, q);
	name_indexes(&text, search);
	*refusal = (struct search_refusal){.text = arena_strdup(search->arena, strbuf_text(&text))};
	collect_missing(search->arena, refusal->text, refusal);
	collect_without_wheels(search->arena, said, refusal->text, refusal);
	refusal->no_wheel = strstr(said, "no usable wheels") || strstr(said, "no wheels") || strstr(said, "-compatible wheels");
	refusal->no_version = strstr(said, "is available and") || strstr(said, "are available and") || strstr(said, "there is no version of") ||
			      strstr(said, "there are no versions of");
	return 0;
}
