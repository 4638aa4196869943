/* What the engine files share in asking a client: one short run of it, and the throw-away containers that lockstep starts. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "engine/engine.h"
#include "io/process.h"
#include "io/value.h"

/* An engine that does not answer within this is broken; a storage lock held by a big commit can take a while. */
enum { ASK_TIMEOUT_MS = 300 * 1000 };

/* The client's argv for `rest`: with its options. In e->arena. */
const char *const *ask_argv(struct engine *e, const char *const *rest);
/* Runs the client and collects its answer. -1 when it did not exit with 0, its complaint as the text. A NULL result is thrown away. */
int ask(struct engine *e, const char *const *argv, struct process_result *ret, struct error *err);
#define ask_words(e, ret, err, ...) ask((e), (const char *const[]){__VA_ARGS__, NULL}, (ret), (err))
/* The same, reading JSON. */
int ask_json(struct engine *e, const char *const *argv, struct value **ret_value, struct error *err);
/* Runs the client as long as it takes, and throws its answer away. -1 with its complaint alone. */
int ask_patiently(struct engine *e, const char *const *argv, struct error *err);
/* The same for cleaning up: also when we were asked to stop, and in silence. */
void ask_quietly(const char *const *argv);

/* inspect() of one after the other, as inspect_all() has it. */
int engine_inspect_each(struct engine *e, const char *const *tags, size_t count, struct engine_image *ret, struct error *err);

/* The client's complaint: the last line of its stderr that says something and is no log line, without "Error: ". In `a`. */
const char *ask_complaint(struct arena *a, const struct process_result *result);

/* "lockstep-run-<machine>-<process id>-<number>": a name for a throw-away container of this process. In `a`. */
const char *throwaway_name(struct arena *a);
/* True for such a name when it was of a process of this machine that is gone. */
bool throwaway_is_left(struct arena *a, const char *name);
