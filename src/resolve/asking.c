#include "resolve/asking.h"

#include <string.h>

#include "base/clock.h"
#include "lock/environment.h"
#include "resolve/prereleases.h"
#include "resolve/search.h"
#include "resolve/source.h"

enum { ROUNDS = 40, BOND_ROUNDS = 8 };

static bool has_environment(const struct question *q, const struct lock_environment *environment)
{
	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].environment_count; j++) {
			if (q->askers[i].environments[j] == environment)
				return true;
		}
	}
	return false;
}

static bool has_several_environments(const struct question *q)
{
	const struct lock_environment *one = q->askers->environments[0];

	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].environment_count; j++) {
			if (q->askers[i].environments[j] != one)
				return true;
		}
	}
	return false;
}

/* What does not fit one environment may be the only one for another. */
static void rule_out_misfits(struct asking *a, struct question *q)
{
	struct arena *arena = a->search->arena;
	const char **all = NULL;
	size_t count = 0;

	for (size_t i = 0; i < q->exclusion_count; i++)
		*arena_push(arena, &all, &count) = q->exclusions[i];
	for (size_t i = 0; i < a->misfit_count; i++) {
		const struct misfit *m = &a->misfits[i];
		autostrbuf struct strbuf marker = {0};

		/* A wheel that fits is built of it. */
		if (!has_environment(q, m->environment) || (!m->requires_python && sources_find(q->sources, m->name, m->version)))
			continue;
		if (has_several_environments(q)) {
			strbuf_add(&marker, " ; ");
			environment_add_marker(&marker, m->environment);
		}
		*arena_push(arena, &all, &count) = arena_printf(arena, "%s!=%s%s", m->name, m->version, strbuf_text(&marker));
	}
	q->exclusions = all;
	q->exclusion_count = count;
}

/* 1: answered; 0: refused; -1: error. */
static int ask_once(struct asking *a, const struct question *q, const struct search_wish *wish, struct projection *ret, struct search_refusal *refusal,
		    struct error *err)
{
	struct uv_lock answer;
	int64_t left_ms = a->deadline_ms ? a->deadline_ms - clock_monotonic_ms() : 0;

	if (a->deadline_ms && left_ms <= 0)
		return error_set(err, ERR_FAILED, "the time for an answer is up");
	a->search->timeout_ms = left_ms;
	int answered = search_ask(a->search, q, wish, &answer, refusal, err);

	a->search->timeout_ms = 0;
	if (answered <= 0)
		return answered;
	if (projection_make(a->arena, q, &answer, &a->search->indexes, ret, err) < 0 ||
	    (!ret->misfit_count && !ret->stray_count && pythons_check(&a->pythons, q, ret, err) < 0))
		return -1;
	if (answer.cut_off_unix)
		a->cut_off_unix = answer.cut_off_unix;
	return 1;
}

/* Version after version was tried. The place is that of the wish for the package, where one of who met it has one. */
static int give_up(const struct projection *p, struct error *err)
{
	const struct misfit *m = p->misfits;
	autostrbuf struct strbuf who = {0};

	asker_add_name(&who, m->asker);
	error_set(err, ERR_NOT_FOUND, "no version of '%s' can be used in %s; the last of %d that were tried is %s; wanted by %s", m->name, m->environment->name,
		  ROUNDS, m->version, strbuf_text(&who));
	for (size_t i = 0; i < m->asker->want_count; i++) {
		const struct want *w = &m->asker->wants[i];

		if (w->pos.line && !strcmp(w->canonical, m->name))
			return error_wrap(err, "%s:%u", w->pos.file, w->pos.line);
	}
	return -1;
}

/* Until every file fits, and no pre-release is there that nobody asked for. */
static int ask_fitting(struct asking *a, const struct question *q, const struct search_wish *wish, struct projection *ret, struct search_refusal *refusal,
		       struct error *err)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct question fitting = *q;

		rule_out_misfits(a, &fitting);
		prereleases_rule_out(a, &fitting);
		int answered = ask_once(a, &fitting, wish, ret, refusal, err), unwanted;

		if (answered <= 0 || ret->stray_count)
			return answered;
		if (!ret->misfit_count) {
			unwanted = prereleases_note(a, &fitting, wish, ret, err);
			if (unwanted <= 0)
				return unwanted < 0 ? -1 : 1;
		}
		for (size_t i = 0; i < ret->misfit_count; i++)
			*arena_push(a->search->arena, &a->misfits, &a->misfit_count) = ret->misfits[i];
	}
	return ret->misfit_count ? give_up(ret, err) : 1;
}

/* Versions that came up and that a waiver is about, though no index's page told of them. */
static bool waive_more(struct asking *a, struct question *q, const struct projection *p)
{
	bool found = false;

	for (size_t i = 0; i < p->pin_count && q->waiver_count; i++)
		found = question_waive(a->search->arena, q, p->pins[i].name, p->pins[i].version) || found;
	return found;
}

static void copy_left_out_edges(struct arena *arena, struct question *q)
{
	const struct left_out_edge *edges = q->left_out_edges;
	size_t count = q->left_out_edge_count;

	q->left_out_edges = NULL;
	q->left_out_edge_count = 0;
	for (size_t i = 0; i < count; i++)
		*arena_push(arena, &q->left_out_edges, &q->left_out_edge_count) = edges[i];
}

static int told(struct error *err, const struct projection *p)
{
	return error_set(err, ERR_CONFLICT, "%s", p->strays->said);
}

static bool ask_for_bond(struct arena *arena, struct bond *bond, const struct lock_environment *environment)
{
	for (size_t i = 0; i < bond->asked_in_count; i++) {
		if (bond->asked_in[i] == environment)
			return false;
	}
	*arena_push(arena, &bond->asked_in, &bond->asked_in_count) = environment;
	return true;
}

/* Its one place has nothing that fits there: nothing may depend on it. */
static void forbid(struct arena *arena, struct question *q, struct bond *bond)
{
	const char **all = NULL;
	size_t count = 0;
	autostrbuf struct strbuf marker = {0};

	for (size_t i = 0; i < q->exclusion_count; i++)
		*arena_push(arena, &all, &count) = q->exclusions[i];
	environment_add_marker(&marker, bond->asked_in[--bond->asked_in_count]);
	*arena_push(arena, &all, &count) = arena_printf(arena, "%s<0.dev0 ; %s", bond->canonical, strbuf_text(&marker));
	q->exclusions = all;
	q->exclusion_count = count;
}

static struct bond *bond_of(struct question *q, const char *name)
{
	for (size_t i = 0; i < q->bond_count; i++) {
		if (!strcmp(q->bonds[i].canonical, name))
			return &q->bonds[i];
	}
	return NULL;
}

/* What is refused may be what is asked for only to bind it. So each bond is asked for only where the answer has the package from elsewhere; and where it cannot
   be had there, the answer has to do without it. */
static int ask_where_reached(struct asking *a, struct question *q, const struct search_wish *wish, struct projection *ret, struct search_refusal *refusal,
			     struct error *err)
{
	struct bond *last = NULL;
	struct search_refusal of_bond = {0};

	for (int round = 0; round < ROUNDS; round++) {
		int answered = ask_fitting(a, q, wish, ret, refusal, err);

		if (answered < 0 || (answered > 0 && !ret->stray_count))
			return answered;
		if (answered > 0) {
			last = bond_of(q, ret->strays->name);
			if (!last || !ask_for_bond(a->search->arena, last, ret->strays->environment))
				return told(err, ret);
		} else if (last) {
			of_bond = *refusal;
			forbid(a->search->arena, q, last);
			last = NULL;
		} else {
			if (of_bond.text)
				*refusal = of_bond;
			return 0;
		}
	}
	return told(err, ret);
}

void asking_begin(struct asking *a, const struct question *q, const struct search_wish *wish)
{
	struct question first = *q;

	copy_left_out_edges(a->search->arena, &first);
	question_ask_for_bonds(a->search->arena, &first);
	rule_out_misfits(a, &first);
	search_begin(a->search, &first, wish);
}

int asking_ask(struct asking *a, const struct question *q, const struct search_wish *wish, struct projection *ret, struct search_refusal *refusal,
	       struct error *err)
{
	struct question bound = *q;
	int answered;

	copy_left_out_edges(a->search->arena, &bound);
	question_ask_for_bonds(a->search->arena, &bound);
	answered = ask_fitting(a, &bound, wish, ret, refusal, err);
	if (!answered && question_drop_unreached_bonds(&bound, NULL, 0))
		answered = ask_where_reached(a, &bound, wish, ret, refusal, err);
	if (answered > 0 && ret->stray_count)
		return told(err, ret);
	for (int round = 0; answered > 0 && round < BOND_ROUNDS; round++) {
		bool dropped = question_drop_unreached_bonds(&bound, ret->pins, ret->pin_count), waived = waive_more(a, &bound, ret);
		struct projection next;

		if (!dropped && !waived)
			break;
		answered = ask_fitting(a, &bound, wish, &next, refusal, err);
		if (answered >= 0 && !waived && (!answered || next.stray_count))
			return 1; /* without them nothing fits, or they come from elsewhere: the first answer is as good */
		if (answered > 0 && next.stray_count)
			return told(err, &next);
		if (answered > 0)
			*ret = next;
	}
	return answered;
}

void misfit_add_reason(struct strbuf *out, const struct misfit *m)
{
	if (m->requires_python)
		strbuf_printf(out, "it needs Python %s, and %s has %s", m->requires_python, m->environment->name, m->environment->python);
	else
		strbuf_printf(out, "none of its %zu wheels can be used in %s", m->file_count, m->environment->name);
}
