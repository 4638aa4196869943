/* From an answer to the best one, by asking again with more held fast: one version everywhere where any serves all, and nothing moved that can stay. uv does neither
   by itself: side by side it meets the same version where it happens to, and it keeps what it comes to in time. */
#pragma once

#include "base/diag.h"
#include "recipe/database.h"
#include "resolve/asking.h"
#include "resolve/candidates.h"

struct settling {
	struct asking *asking;
	const struct database *db;
	struct listings *listings;
	struct splits *splits; /* gets why packages are at several versions */
	const struct search_wish *wish;
	const struct question *question;
	int64_t limit_ms; /* for each of the three */
	void (*on_progress)(void *context, const char *text);
	void *context;
	struct diag *d; /* gets a warning when the time was not enough to try everything */
	struct error *err;
	const char **held; /* "name===version", in the uv's arena: what has been settled so far */
	size_t held_count;
	struct projection *answer;
	bool is_late;
	const char *refusal;               /* of the question last refused, a line; or NULL */
	struct lock_container *containers; /* of the question, as differences_undeclared() wants them */
	size_t container_count;
};

/* For every package of `answer` that has several versions, asks for one that serves everybody, newest first, until there is one or none is left. An answer is only
   taken where fewer packages differ than before. */
int settle_versions(struct settling *s);
/* For every package that wish names to move: the newest that can be had where others move along, though none of them to an older version. The resolver alone would
   leave it where the first package that it comes to, kept where it was, holds it. */
int settle_upgrades(struct settling *s);
/* For every package that moved since wish->last, other than those that were asked to: asks with it where it was, and with all that did not move where they are.
   Where there is an answer, it is taken. */
int settle_moves(struct settling *s);

/* What these ask with; of no use to others. The time of one of them begins. */
void settle_begin(struct settling *s, const char *text);
/* The question, with what is settled and more of it ("name===version", PEP 508). 1: answered; 0: refused, or the time is up; -1: error. */
int settle_ask(struct settling *s, const char *const *more, size_t more_count, struct projection *ret);
/* Of the question; NULL when none of its environments has the name. */
const struct lock_environment *settle_environment(const struct settling *s, const char *name);
/* Where containers of `answer` differ that may not, though each package that could be brought together was: looks through all versions of what is apart for an answer
   in which none does. That may be one in which further environments differ from those that are built, or in which some do without a package. 1: found; 0: there is
   none, or it would take too long; -1: error. */
int settle_agreement(struct settling *s);
/* More packages differ between containers than in the answer so far, or such that may not. */
bool settle_differs_more(const struct settling *s, const struct projection *p);

/* Pins of one name beside each other. */
struct settle_family {
	const struct pin *pins;
	size_t count;
};
struct settle_family settle_family_at(const struct pin *pins, size_t count, size_t first);
/* None where there is no such name. */
struct settle_family settle_family_named(const struct pin *pins, size_t count, const char *name);
/* What the last lock, which there is, had of a package for those who ask now. */
struct settle_family settle_family_before(const struct settling *s, const char *name);
bool settle_is_split(struct settle_family f);
/* Whether an answer has a package in every environment that has it now, and where `last` is given had it then too: where it is done without, it neither serves
   nor stays. */
bool settle_is_still_there(const struct settling *s, const struct projection *p, const char *name, const struct settle_family *last);
/* The asker that a pin is for, or NULL. */
const struct asker *settle_asker(const struct settling *s, const struct pin *pin);
enum together { TOGETHER_NOT, TOGETHER_BEFORE, TOGETHER_NOW };
/* Adds everything that is the same everywhere now, and no longer would be: where it was before, or where it is now. */
void settle_keep_together(struct settling *s, const struct projection *worse, enum together when, const char ***ret, size_t *ret_count);
/* "name===1.0" */
const char *settle_text(struct settling *s, const char *name, const char *operator, const char * version);
bool settle_is_in(const char *const *list, size_t count, const char *name);
