/* The program that searches for an answer: uv, or pip where the project says so. What either needs of this machine, how a question is put to it, and one question put
   ahead, so that it is searched for while others are asked. Both answer in the same form. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "io/process.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "resolve/question.h"
#include "resolve/uv_indexes.h"
#include "resolve/uv_lock.h"

struct search {
	const struct searcher *by;
	struct arena *arena;
	const char *program, *version; /* absolute path of what is run; "0.13.9" */
	const char *python;            /* an interpreter of this machine: for uv of any version, for pip the one that has it */
	const char **environment;      /* for the child, NULL-terminated; holds secrets */
	const char *folder;            /* where its files go: empty and private */
	const struct settings *settings;
	struct uv_indexes indexes;
	int64_t cut_off_unix; /* 0: none is given */
	int64_t timeout_ms;   /* of one question; 0: none */
	struct search_ahead *ahead;
};

/* What the last lock is to a question: nothing moves that need not, but for these. */
struct search_wish {
	const struct lock *last; /* or NULL */
	bool upgrade_all;
	const char *const *upgrade_packages; /* or NULL */
};

/* The package was asked to move, by its name. */
bool search_wish_moves(const struct search_wish *wish, const char *package);

struct search_refusal {
	char *text;           /* the program's own sentences, without what is known anyway; one line each; in the search's arena */
	const char **missing; /* packages that no index has */
	size_t missing_count;
	const char **without_wheels; /* packages of which a release has only an archive */
	size_t without_wheel_count;
	bool no_wheel;   /* something has no file that can be used */
	bool no_version; /* some constraint leaves no version that exists */
};

/* One question as it is put: all that its answer hangs on but the world outside. The same call gets the same answer. */
struct search_call {
	const char **argv;
	struct search_file {
		const char *name;
		struct strbuf text; /* empty: there is none */
	} files[2];                 /* in the folder that it runs in, which is empty otherwise */
	struct strbuf input;
};
void search_call_release(struct search_call *call);

/* One of the programs. */
struct searcher {
	const char *name, *missing_hint;
	bool takes_prereleases; /* also where releases satisfy what is asked, when what they require clashes */
	bool lists_sources;     /* can be asked which releases a package has, archives included (question.listing) */
	/* Fills program, version, python and environment; ERR_NOT_FOUND with what to do. */
	int (*find)(struct search *s, const char *root, struct error *err);
	int (*call)(struct search *s, const struct question *q, const struct search_wish *wish, struct search_call *ret, struct error *err);
	/* As search_ask(), of a call that was made for the question and has ended. */
	int (*read)(struct search *s, const struct question *q, const char *folder, const struct process_result *result, struct uv_lock *ret,
		    struct search_refusal *refusal, struct error *err);
};

/* Finds the project's resolver on this machine, and its indexes. Fills `ret`, all but `folder` and `cut_off_unix`. ERR_NOT_FOUND with what to do; ERR_INPUT, with
   problems in `d`, for an index without an address. */
int search_find(struct arena *a, const struct database *db, struct settings *settings, struct diag *d, struct search *ret, struct error *err);
/* Puts a question. 1: answered, and `ret` is the answer, in the arena of `s`. 0: there is no answer, `refusal` says why. -1: the resolver or an index failed. */
int search_ask(struct search *s, const struct question *q, const struct search_wish *wish, struct uv_lock *ret, struct search_refusal *refusal,
	       struct error *err);
/* Begins to search for the answer to a question that will be asked, in all likelihood, and returns after a moment. Only one at a time; when asking comes to be about
   something else in the slightest, it is asked anew. That it cannot be begun is told when it is asked. */
void search_begin(struct search *s, const struct question *q, const struct search_wish *wish);
/* What was begun will not be asked any more, or the search is over. */
void search_drop(struct search *s);
