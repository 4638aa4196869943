/* uv as a child: where it is, how it is called so that this machine's settings reach it and this machine's accidents do not, and what its failures mean. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "resolve/question.h"
#include "resolve/uv_files.h"

struct uv {
	bool by_pip; /* pip is asked instead: `python` is the interpreter that has it, `version` its version */
	struct arena *arena;
	const char *program, *version; /* absolute path; "0.13.9" */
	const char *python;            /* an interpreter of this machine, of any version */
	const char **environment;      /* for the child, NULL-terminated; holds secrets */
	const char *folder;            /* where its files go: empty and private */
	const struct settings *settings;
	struct uv_indexes indexes;
	int64_t cut_off_unix; /* 0: none is given to uv */
	int64_t timeout_ms;   /* of one question; 0: none */
};

/* Finds $LOCKSTEP_UV, else the project's .tools/bin/uv, else uv in PATH, and asks its version. Fills `ret`, all but `folder` and `cut_off_unix`.
   ERR_NOT_FOUND with what to do; ERR_INPUT, with problems in `d`, for an index without an address. */
int uv_find(struct arena *a, const struct database *db, struct settings *settings, struct diag *d, struct uv *ret, struct error *err);

/* What the last lock is to a question: nothing moves that need not, but for these. */
struct uv_wish {
	const struct lock *last; /* or NULL */
	bool upgrade_all;
	const char *const *upgrade_packages; /* or NULL */
};

/* The package was asked to move, by its name. */
bool uv_wish_moves(const struct uv_wish *wish, const char *package);

struct uv_refusal {
	char *text;           /* uv's own sentences, without what is known anyway; one line each; in the uv's arena */
	const char **missing; /* packages that no index has */
	size_t missing_count;
	const char **without_wheels; /* packages of which a release has only an archive */
	size_t without_wheel_count;
	bool no_wheel;   /* something has no file that can be used */
	bool no_version; /* some constraint leaves no version that exists */
};

/* Puts a question. 1: answered, `ret_lock_path` (in the arena) is the uv.lock to read. 0: there is no answer, `refusal` says why. -1: uv or an index failed. */
int uv_ask(struct uv *uv, const struct question *q, const struct uv_wish *wish, const char **ret_lock_path, struct uv_refusal *refusal, struct error *err);
