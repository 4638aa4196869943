/* usage: parse_loop version|requirement ROUNDS <LINES; reads every line so many times and says how many were read and the nanoseconds it took. For bench/parse.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/text.h"
#include "python/requirement.h"

static bool read_version(struct arena *a, const char *text)
{
	return version_parse(a, text);
}

static bool read_requirement(struct arena *a, const char *text)
{
	const char *why;
	size_t at;

	return requirement_parse(a, text, &at, &why);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	autoarena struct arena lines = {0};
	autofree char *line = NULL;
	const char **texts = NULL;
	size_t count = 0, capacity = 0, valid = 0;
	uint64_t rounds = 0;
	ssize_t length;

	if (argc != 3 || !text_to_u64(argv[2], &rounds))
		return 2;
	bool (*read_one)(struct arena *a, const char *text) = !strcmp(argv[1], "version") ? read_version : read_requirement;

	while ((length = getline(&line, &capacity, stdin)) > 0)
		*arena_push(&lines, &texts, &count) = arena_strndup(&lines, line, (size_t)length - (line[length - 1] == '\n'));
	double began = now_ns();

	for (uint64_t round = 0; round < rounds; round++) {
		autoarena struct arena a = {0};

		for (size_t i = 0; i < count; i++)
			valid += read_one(&a, texts[i]);
	}
	printf("%zu %.0f\n", valid, now_ns() - began);
	return 0;
}
