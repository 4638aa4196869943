#include "cmd/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/terminal.h"
#include "version.h"

static const struct option global_options[] = {
	{"format", 0, "FORMAT", false, "text, or what the command says it knows: json, md"},
	{"directory", 'C', "DIR", false, "work in the project that DIR is in"},
	{"quiet", 'q', NULL, false, "print results and errors only"},
	{"verbose", 'v', NULL, false, "say more about what is done"},
	{"help", 'h', NULL, false, "print this help"},
	{NULL, 0, NULL, false, NULL},
};
enum { GLOBAL_FORMAT, GLOBAL_DIRECTORY, GLOBAL_QUIET, GLOBAL_VERBOSE, GLOBAL_HELP, GLOBAL_COUNT };

struct parsed {
	const char *const *globals[GLOBAL_COUNT];
	struct command_call call;
};

static size_t option_count(const struct option *table)
{
	size_t count = 0;

	while (table && table[count].name)
		count++;
	return count;
}

static long find_option(const struct option *table, const char *name, size_t length, char letter)
{
	for (size_t i = 0; table && table[i].name; i++) {
		if (letter ? table[i].letter == letter : strlen(table[i].name) == length && !strncmp(table[i].name, name, length))
			return (long)i;
	}
	return -1;
}

static void print_options(FILE *out, const struct option *table)
{
	for (size_t i = 0; table && table[i].name; i++) {
		autostrbuf struct strbuf left = {0};

		if (table[i].letter)
			strbuf_printf(&left, "-%c, ", table[i].letter);
		strbuf_printf(&left, "--%s%s%s", table[i].name, table[i].value_name ? " " : "", table[i].value_name ? table[i].value_name : "");
		fprintf(out, "  %-30s %s%s\n", strbuf_text(&left), table[i].help, table[i].repeated ? "; may be repeated" : "");
	}
}

static void print_overview(FILE *out)
{
	const char *section = "";

	fprintf(out, "lockstep %s: keeps a project's CI containers in step\n\nusage: lockstep COMMAND [OPTION ...] [ARGUMENT ...]\n", LOCKSTEP_VERSION);
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(section, commands[i]->section) != 0)
			fprintf(out, "\nfor %s\n", commands[i]->section);
		section = commands[i]->section;
		fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	}
	fprintf(out, "\nfor every command\n");
	print_options(out, global_options);
	fprintf(out,
		"\n'lockstep COMMAND --help' tells all about one. Exit status: 0 done; 1 failed, or a difference where one was asked about; 2 wrong usage.\n");
}

static void print_help(FILE *out, const struct command *c)
{
	fprintf(out, "usage: lockstep %s%s%s%s\n\n%s\n", c->name, option_count(c->options) ? " [OPTION ...]" : "", *c->arguments ? " " : "", c->arguments,
		c->description);
	if (option_count(c->options)) {
		fprintf(out, "\noptions\n");
		print_options(out, c->options);
	}
	fprintf(out, "\nfor every command\n");
	print_options(out, global_options);
	if (c->formats)
		fprintf(out, "\nformats: text%s%s\n", c->formats & TAKES_JSON ? ", json" : "", c->formats & TAKES_MARKDOWN ? ", md" : "");
}

static int usage_error(const struct command *c, const char *text)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, text, strlen(text), 0);
	fprintf(stderr, "lockstep%s%s: %s\n'lockstep%s%s --help' tells more\n", c ? " " : "", c ? c->name : "", strbuf_text(&safe), c ? " " : "",
		c ? c->name : "");
	return EXIT_USAGE;
}

int command_usage(const struct command_call *call, const char *format, ...)
{
	autostrbuf struct strbuf text = {0};
	va_list args;

	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	return usage_error(call->command, strbuf_text(&text));
}

static const char *const none[] = {NULL};

const char *const *command_values(const struct command_call *call, const char *option)
{
	long row = find_option(call->command->options, option, strlen(option), 0);

	return row >= 0 && call->values[row] ? call->values[row] : none;
}

const char *command_value(const struct command_call *call, const char *option)
{
	const char *last = NULL;

	for (const char *const *v = command_values(call, option); *v; v++)
		last = *v;
	return last;
}

bool command_flag(const struct command_call *call, const char *option)
{
	return command_value(call, option) != NULL;
}

/* Appends to the NULL-terminated list of an option; refuses a second value where one is meant. */
static int store_value(struct arena *a, const char *const **list, const struct option *row, const char *value, struct strbuf *problem)
{
	size_t count = 0;

	while (*list && (*list)[count])
		count++;
	if (count && row->value_name && !row->repeated) {
		strbuf_printf(problem, "'--%s' is given twice", row->name);
		return -1;
	}
	const char **longer = arena_array(a, count + 2, sizeof(*longer));

	for (size_t i = 0; i < count; i++)
		longer[i] = (*list)[i];
	longer[count] = value;
	*list = longer;
	return 0;
}

static void unknown_option(const struct command *c, const char *name, size_t length, struct strbuf *problem)
{
	const char *names[COMMAND_OPTIONS_MAX + GLOBAL_COUNT];
	size_t count = 0;
	autofree char *word = mem_strndup(name, length);

	for (size_t i = 0; i < option_count(c ? c->options : NULL); i++)
		names[count++] = c->options[i].name;
	for (size_t i = 0; i < GLOBAL_COUNT; i++)
		names[count++] = global_options[i].name;
	const char *near = text_nearest(word, names, count);

	strbuf_printf(problem, "unknown option '--%s'", word);
	if (near)
		strbuf_printf(problem, "; did you mean '--%s'?", near);
}

/* Reads the option at argv[*i] (and its value). */
static int parse_option(struct parsed *p, int argc, char **argv, int *i, struct strbuf *problem)
{
	const char *word = argv[*i];
	bool is_long = word[1] == '-';
	const char *name = word + (is_long ? 2 : 1), *equals = is_long ? strchr(name, '=') : NULL;
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct command *c = p->call.command;
	char letter = is_long ? 0 : name[0];
	long own = c ? find_option(c->options, name, length, letter) : -1, global = own < 0 ? find_option(global_options, name, length, letter) : -1;

	if (own < 0 && global < 0) {
		if (is_long)
			unknown_option(c, name, length, problem);
		else
			strbuf_printf(problem, "unknown option '-%c'", letter);
		return -1;
	}
	const struct option *row = own >= 0 ? &c->options[own] : &global_options[global];
	const char *value = "";

	if (row->value_name) {
		value = equals ? equals + 1 : !is_long && name[1] ? name + 1 : *i + 1 < argc ? argv[++*i] : NULL;
		if (!value) {
			strbuf_printf(problem, "'--%s' needs a value: %s", row->name, row->value_name);
			return -1;
		}
	} else if (equals || (!is_long && name[1])) {
		strbuf_printf(problem, "'--%s' takes no value", row->name);
		return -1;
	}
	return store_value(p->call.arena, own >= 0 ? &p->call.values[own] : &p->globals[global], row, value, problem);
}

static const struct command *find_command(const char *name, struct strbuf *problem)
{
	const char *names[64];
	size_t count = 0;

	for (; commands[count]; count++) {
		if (!strcmp(commands[count]->name, name))
			return commands[count];
		names[count] = commands[count]->name;
	}
	const char *near = text_nearest(name, names, count);

	strbuf_printf(problem, "unknown command '%s'", name);
	if (near)
		strbuf_printf(problem, "; did you mean '%s'?", near);
	return NULL;
}

static int parse(struct parsed *p, int argc, char **argv, struct strbuf *problem)
{
	const char **arguments = arena_array(p->call.arena, (size_t)argc + 1, sizeof(*arguments));
	bool options = true;

	for (int i = 1; i < argc; i++) {
		if (options && !strcmp(argv[i], "--")) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			if (parse_option(p, argc, argv, &i, problem) < 0)
				return -1;
		} else if (!p->call.command) {
			p->call.command = find_command(argv[i], problem);
			if (!p->call.command)
				return -1;
		} else {
			arguments[p->call.argument_count++] = argv[i];
		}
	}
	p->call.arguments = arguments;
	return 0;
}

static const char *last(const char *const *list)
{
	const char *value = NULL;

	for (; list && *list; list++)
		value = *list;
	return value;
}

static int check_use(struct parsed *p, struct strbuf *problem)
{
	struct command_call *call = &p->call;
	const struct command *c = call->command;
	const char *format = last(p->globals[GLOBAL_FORMAT]);

	if (call->argument_count < c->argument_min)
		strbuf_printf(problem, "needs %s", c->arguments);
	else if (call->argument_count > c->argument_max)
		strbuf_printf(problem, "unexpected argument '%s'", call->arguments[c->argument_max]);
	else if (format && !strcmp(format, "json") && (c->formats & TAKES_JSON))
		call->format = FORMAT_JSON;
	else if (format && !strcmp(format, "md") && (c->formats & TAKES_MARKDOWN))
		call->format = FORMAT_MARKDOWN;
	else if (format && strcmp(format, "text") != 0)
		strbuf_printf(problem, "unknown format '%s'", format);
	call->quiet = p->globals[GLOBAL_QUIET];
	call->verbose = p->globals[GLOBAL_VERBOSE];
	call->start_folder = p->globals[GLOBAL_DIRECTORY] ? last(p->globals[GLOBAL_DIRECTORY]) : ".";
	return problem->length ? -1 : 0;
}

static void print_error(const struct error *err)
{
	autostrbuf struct strbuf safe = {0};

	text_hide_users(err->text, strlen(err->text));
	text_escape(&safe, err->text, strlen(err->text), TEXT_ESCAPE_KEEP_NEWLINE | TEXT_ESCAPE_KEEP_TAB);
	fprintf(stderr, "%serror:%s %s\n", terminal_begin(stderr, COLOR_RED), terminal_end(stderr), strbuf_text(&safe));
}

static int run(struct parsed *p)
{
	autoerror struct error err = {0};
	int code = p->call.command->run(&p->call, &err);

	terminal_block(NULL, 0);
	/* A full disk behind stdout must not look like success. */
	if (code >= 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		/* A reader that has seen enough, `lockstep list | head`, is no one to complain to. */
		if (errno == EPIPE)
			return EXIT_FAILED;
		code = error_errno(&err, "cannot write to standard output");
	}
	if (code >= 0)
		return code;
	print_error(&err);
	return EXIT_FAILED;
}

int command_main(int argc, char **argv)
{
	autoarena struct arena arena = {0};
	autostrbuf struct strbuf problem = {0};
	struct parsed p = {.call.arena = &arena};

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("lockstep %s\n", LOCKSTEP_VERSION);
		return EXIT_DONE;
	}
	if (parse(&p, argc, argv, &problem) < 0)
		return usage_error(p.call.command, strbuf_text(&problem));
	if (p.globals[GLOBAL_HELP] && p.call.command) {
		print_help(stdout, p.call.command);
		return EXIT_DONE;
	}
	if (!p.call.command) {
		print_overview(p.globals[GLOBAL_HELP] ? stdout : stderr);
		return p.globals[GLOBAL_HELP] ? EXIT_DONE : EXIT_USAGE;
	}
	if (check_use(&p, &problem) < 0)
		return usage_error(p.call.command, strbuf_text(&problem));
	return run(&p);
}
