/* What a command is: one file src/cmd/<name>.c exports one const struct command; src/cmd/commands.c lists them. Parsing, help and the README's command
   list read the same rows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"

enum { COMMAND_OPTIONS_MAX = 24 };

struct option {
	const char *name;       /* long name without dashes; NULL ends the table */
	char letter;            /* short name, or 0 */
	const char *value_name; /* "NAME" when it takes a value; NULL for a flag */
	bool repeated;          /* may be given several times */
	const char *help;       /* one line, lower case, no full stop */
};

enum command_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_MARKDOWN };
enum { TAKES_JSON = 1, TAKES_MARKDOWN = 2 };

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* One use of a command. */
struct command_call {
	struct arena *arena; /* lives until the process ends */
	const struct command *command;
	const char *const *arguments; /* positional */
	size_t argument_count;
	const char *const *values[COMMAND_OPTIONS_MAX]; /* per option row: NULL-terminated list; NULL when not given */
	enum command_format format;
	bool quiet, verbose;
	const char *start_folder; /* -C, or "." */
};

struct command {
	const char *name;
	const char *section;     /* "starting", "the maintainer", "the developer", "the reviewer" */
	const char *arguments;   /* "RELEASE [CONTAINER]" or "" */
	const char *summary;     /* one line for the overview */
	const char *description; /* paragraphs for --help, with examples */
	size_t argument_min, argument_max;
	int formats;                  /* TAKES_JSON | TAKES_MARKDOWN */
	const struct option *options; /* ends with a row whose name is NULL; or NULL */
	/* Returns an exit code; -1 with err set is printed by command_main() and exits 1. A wrong use is command_usage(). */
	int (*run)(struct command_call *call, struct error *err);
};

extern const struct command *const commands[]; /* ends with NULL */

bool command_flag(const struct command_call *call, const char *option);
const char *command_value(const struct command_call *call, const char *option); /* the last given, or NULL */
/* NULL-terminated; an empty list when not given. */
const char *const *command_values(const struct command_call *call, const char *option);
/* Prints "lockstep <command>: <text>" and where help is; returns EXIT_USAGE. */
int command_usage(const struct command_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Parses argv, runs a command, prints its error. The whole program but for set-up. */
int command_main(int argc, char **argv);
