#include "python/wheel.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* glibc 2 is compatible with all of glibc 2 before it; should there be a glibc 3, the reference counts glibc 2 up to this. */
enum { LAST_GLIBC_MINOR = 50 };

struct list {
	struct arena *arena;
	const char **items;
	size_t count;
};

#define LIST_ADD(list, ...) (*arena_push((list)->arena, &(list)->items, &(list)->count) = arena_printf((list)->arena, __VA_ARGS__))

struct numbers {
	unsigned major, minor;
};

/* A number of one or two digits; false where there is none, or a longer one: each of them stands for tags that are counted up to it. */
static bool take_number(const char **at, unsigned *ret)
{
	size_t length = strspn(*at, "0123456789");

	if (!length || length > 2)
		return false;
	*ret = (unsigned)((*at)[0] - '0');
	if (length == 2)
		*ret = *ret * 10 + (unsigned)((*at)[1] - '0');
	*at += length;
	return true;
}

/* "2.36", whatever stands behind it; zeros when it is none. */
static struct numbers read_numbers(const char *text)
{
	struct numbers n = {0, 0};

	if (!text || !take_number(&text, &n.major) || *text++ != '.' || !take_number(&text, &n.minor))
		return (struct numbers){0, 0};
	return n;
}

static bool machine_has_manylinux(const char *machine)
{
	static const char *const machines[] = {"x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64", "i686", "armv7l"};

	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		if (!strcmp(machine, machines[i]))
			return true;
	return false;
}

/* The names that came before PEP 600: PEP 513, 571, 599. */
static const char *legacy_name(unsigned major, unsigned minor)
{
	if (major != 2)
		return NULL;
	return minor == 17 ? "manylinux2014" : minor == 12 ? "manylinux2010" : minor == 5 ? "manylinux1" : NULL;
}

/* All of one glibc, from its newest minor version down. */
static void add_glibc(struct list *list, const char *machine, unsigned major, unsigned newest)
{
	/* No glibc 2 older than CentOS 7's counts; on x86 none older than CentOS 5's. */
	unsigned oldest = major != 2 ? 0 : !strcmp(machine, "x86_64") || !strcmp(machine, "i686") ? 5 : 17;

	for (unsigned minor = newest + 1; minor-- > oldest;) {
		const char *legacy = legacy_name(major, minor);

		LIST_ADD(list, "manylinux_%u_%u_%s", major, minor, machine);
		if (legacy)
			LIST_ADD(list, "%s_%s", legacy, machine);
	}
}

static void add_manylinux(struct list *list, const char *machine, struct numbers glibc)
{
	if (glibc.major)
		add_glibc(list, machine, glibc.major, glibc.minor);
	for (unsigned major = glibc.major; major-- > 2;)
		add_glibc(list, machine, major, LAST_GLIBC_MINOR);
}

/* PEP 656: all of musl 1 up to this one. */
static void add_musllinux(struct list *list, const char *machine, struct numbers musl)
{
	for (unsigned minor = musl.minor + 1; musl.major && minor-- > 0;)
		LIST_ADD(list, "musllinux_%u_%u_%s", musl.major, minor, machine);
}

static void add_platforms(struct list *list, const struct wheel_platform *platform)
{
	struct numbers libc = read_numbers(platform->libc_version);

	/* A 64-bit ARM core that runs 32-bit programs takes those for ARMv7, too. */
	const char *machines[] = {platform->machine, strcmp(platform->machine, "armv8l") != 0 ? NULL : "armv7l"};
	size_t count = machines[1] ? 2 : 1;

	for (size_t i = 0; i < count; i++)
		LIST_ADD(list, "linux_%s", machines[i]);
	for (size_t i = 0; i < count && text_equal(platform->libc, "glibc") && machine_has_manylinux(machines[count - 1]); i++)
		add_manylinux(list, machines[i], libc);
	for (size_t i = 0; i < count && text_equal(platform->libc, "musl"); i++)
		add_musllinux(list, machines[i], libc);
}

static void add_each(struct list *tags, const char *interpreter, const char *abi, const struct list *platforms)
{
	const char *start = arena_printf(tags->arena, "%s-%s-", interpreter, abi);
	size_t length = strlen(start);

	/* There are thousands. */
	for (size_t i = 0; i < platforms->count; i++) {
		size_t rest = strlen(platforms->items[i]) + 1;
		char *tag = arena_alloc(tags->arena, length + rest);

		memcpy(tag, start, length);
		memcpy(tag + length, platforms->items[i], rest);
		*arena_push(tags->arena, &tags->items, &tags->count) = tag;
	}
}

static const char *interpreter_of(struct arena *a, const char *prefix, unsigned major, unsigned minor)
{
	return arena_printf(a, "%s%u%u", prefix, major, minor);
}

/* The letters of builds as they are made by default: "m" for pymalloc until 3.7, "u" for wide characters until 3.2. */
static const char *abi_letters(struct numbers python, bool threaded)
{
	if (python.major > 3 || (python.major == 3 && python.minor >= 8))
		return threaded ? "t" : "";
	return python.major == 3 && python.minor >= 3 ? "m" : "mu";
}

static void add_cpython(struct list *tags, struct numbers python, bool threaded, const struct list *platforms)
{
	const char *interpreter = interpreter_of(tags->arena, "cp", python.major, python.minor), *stable = threaded ? "abi3t" : "abi3";
	bool has_stable = python.major > 3 || (python.major == 3 && python.minor >= 2);

	add_each(tags, interpreter, arena_printf(tags->arena, "%s%s", interpreter, abi_letters(python, threaded)), platforms);
	if (has_stable)
		add_each(tags, interpreter, stable, platforms);
	add_each(tags, interpreter, "none", platforms);
	for (unsigned minor = python.minor; has_stable && minor-- > 2;)
		add_each(tags, interpreter_of(tags->arena, "cp", python.major, minor), stable, platforms);
}

/* PyPy names its own binary interface, which has been "pp73" since version 7.3 of it (2019). */
static void add_pypy(struct list *tags, struct numbers python, const struct list *platforms)
{
	const char *interpreter = interpreter_of(tags->arena, "pp", python.major, python.minor);

	add_each(tags, interpreter, arena_printf(tags->arena, "pypy%u%u_pp73", python.major, python.minor), platforms);
	add_each(tags, interpreter, "none", platforms);
}

/* "py311", "py3", "py310", ..., "py30". */
static void add_pure_interpreters(struct list *list, struct numbers python)
{
	LIST_ADD(list, "py%u%u", python.major, python.minor);
	LIST_ADD(list, "py%u", python.major);
	for (unsigned minor = python.minor; minor-- > 0;)
		LIST_ADD(list, "py%u%u", python.major, minor);
}

void wheel_tags(struct arena *a, const struct wheel_platform *platform, const char ***ret_tags, size_t *ret_count)
{
	struct list platforms = {.arena = a}, tags = {.arena = a}, pure = {.arena = a};
	struct numbers python = read_numbers(platform->python);
	bool cpython = text_equal(platform->implementation, "cpython"), pypy = text_equal(platform->implementation, "pypy");

	add_platforms(&platforms, platform);
	if (cpython)
		add_cpython(&tags, python, text_ends_with(platform->python, "t"), &platforms);
	if (pypy)
		add_pypy(&tags, python, &platforms);
	add_pure_interpreters(&pure, python);
	for (size_t i = 0; i < pure.count; i++)
		add_each(&tags, pure.items[i], "none", &platforms);
	if (cpython)
		LIST_ADD(&tags, "cp%u%u-none-any", python.major, python.minor);
	else if (pypy)
		LIST_ADD(&tags, "pp3-none-any");
	for (size_t i = 0; i < pure.count; i++)
		LIST_ADD(&tags, "%s-none-any", pure.items[i]);
	*ret_tags = tags.items;
	*ret_count = tags.count;
}

long wheel_rank(const struct wheel_name *wheel, const char *const *tags, size_t tag_count)
{
	for (size_t rank = 0; rank < tag_count; rank++)
		for (size_t i = 0; i < wheel->tag_count; i++)
			if (!strcmp(wheel->tags[i], tags[rank]))
				return (long)rank;
	return -1;
}
