/* usage: NAME_fuzz [-m MUTATIONS] [-o OUTPUT] FOLDER|FILE ...
   Runs a fuzz target on files, and on as many mutations of each (the same ones every time). OUTPUT is where the input that is tried next is kept, so that one
   that ends the program can be looked at. */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { FILE_LIMIT_BYTES = 1 << 20 };

static const char *output;
static uint64_t mutations, runs;

/* xorshift64*; the seed is never 0. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545F4914F6CDD1DULL;
}

static void run(const struct strbuf *input)
{
	/* Memory of exactly this size, so that a sanitizer sees one byte too many. */
	autofree uint8_t *bytes = mem_alloc(input->length ? input->length : 1);
	autoerror struct error err = {0};

	if (input->length)
		memcpy(bytes, input->text, input->length);
	if (output && file_write(output, strbuf_text(input), input->length, &err))
		fprintf(stderr, "%s\n", err.text);
	LLVMFuzzerTestOneInput(bytes, input->length);
	runs++;
}

/* Changes a byte, drops some, doubles some, or puts something in that is likely to matter. */
static void mutate(struct strbuf *out, const struct strbuf *from, uint64_t *random)
{
	static const char *const words[] = {
		"", "\n", "\"", "'", "\\", "(", ")", ",", ";", ".*", "!", "+", "-", "==", "~=", " and ", "0", "99999999999999999999", "\377", "\342\200\212"};
	size_t at = from->length ? next_random(random) % from->length : 0, span = next_random(random) % 8;

	if (span > from->length - at)
		span = from->length - at;
	strbuf_clear(out);
	strbuf_add_bytes(out, strbuf_text(from), at);
	switch (next_random(random) % 4) {
	case 0:
		strbuf_add_char(out, (char)next_random(random));
		break;
	case 1:
		strbuf_add_bytes(out, strbuf_text(from) + at, span);
		strbuf_add_bytes(out, strbuf_text(from) + at, span);
		break;
	case 2:
		strbuf_add(out, words[next_random(random) % ARRAY_LEN(words)]);
		span = 0;
		break;
	default:
		break;
	}
	strbuf_add_bytes(out, strbuf_text(from) + at + span, from->length - at - span);
}

static void run_file(const char *path)
{
	autostrbuf struct strbuf whole = {0}, mutated = {0}, again = {0};
	autoerror struct error err = {0};
	uint64_t random = 0x9E3779B97F4A7C15ULL;

	if (file_read(path, FILE_LIMIT_BYTES, &whole, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	run(&whole);
	for (uint64_t i = 0; i < mutations; i++) {
		mutate(&mutated, &whole, &random);
		for (uint64_t more = next_random(&random) % 4; more; more--) {
			mutate(&again, &mutated, &random);
			strbuf_clear(&mutated);
			strbuf_add_bytes(&mutated, strbuf_text(&again), again.length);
		}
		run(&mutated);
	}
}

static void run_path(const char *path)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	char **names;
	size_t count;

	if (!file_is_dir(path)) {
		run_file(path);
		return;
	}
	if (file_list(&a, path, &names, &count, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	for (size_t i = 0; i < count; i++)
		run_path(path_join(&a, path, names[i]));
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-m") && i + 1 < argc && text_to_u64(argv[i + 1], &mutations))
			i++;
		else if (!strcmp(argv[i], "-o") && i + 1 < argc)
			output = argv[++i];
		else
			run_path(argv[i]);
	}
	printf("%llu inputs\n", (unsigned long long)runs);
	return runs ? 0 : 2;
}
