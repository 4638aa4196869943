/* An operation that failed: made once where the failure is seen, wrapped where a caller has something to add, printed only at the top.
   A zeroed struct error means "no error". Functions that can fail take `struct error *err` last, return -1 and set it; on success it is
   untouched. err is never NULL. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum error_code {
	ERR_NONE,
	ERR_FAILED,    /* nothing more exact fits */
	ERR_INPUT,     /* what the user wrote is wrong; details may be in a diag */
	ERR_NOT_FOUND, /* a file, package, release, image that was asked for is not there */
	ERR_CONFLICT,  /* constraints that cannot hold together */
	ERR_IO,        /* the file system: full, read-only, no permission */
	ERR_NETWORK,   /* cannot be reached, or cut */
	ERR_HTTP,      /* reached, and refused */
	ERR_DIGEST,    /* bytes are not the ones that were locked */
	ERR_ENGINE,    /* an engine or another child process failed */
	ERR_DRIFT,     /* what is installed is not what is locked */
	ERR_BUSY,      /* another run holds the lock */
	ERR_CANCELLED, /* a signal asked to stop */
};

struct error {
	enum error_code code;
	char *text; /* owned; lower case, no full stop, no newline at the end; may have several lines */
};

void error_release(struct error *err);
#define autoerror __attribute__((cleanup(error_release)))

/* Sets err (freeing what it held) and returns -1, so that `return error_set(err, ERR_IO, ...)` reads well. */
int error_set(struct error *err, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As error_set, and adds ": " and the text of errno as it was on entry. */
int error_errno(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "<prefix>: " before the text of an error that is set; keeps its code; returns -1. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a line to the text, for what to do about it; returns -1. */
int error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds "did you mean '...'?" where one of `candidates` is near enough to `name` (text_nearest()); returns -1. */
int error_hint_nearest(struct error *err, const char *name, const char *const *candidates, size_t count);
/* Moves an error up. */
void error_move(struct error *to, struct error *from);
static inline bool error_is_set(const struct error *err)
{
	return err->code != ERR_NONE;
}
