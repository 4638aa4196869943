/* Makes one layer of wheels: layer_loop [OPTION...] OUT VENV WHEEL...; with OUT "-" in the store, or takes it from there. Prints its digests and sizes.
   --bytecode MODE  compiles sources with the Python of VENV, which is also asked where it installs to
   --apart N        a layer for each wheel, N at once, in the store; says how each went, in order
   --zstd           packed by zstd
   --by-name        wheels are known in keys by their names: who has a lock knows their digests, and does not hash them for it
   --floor          makes nothing: inflates and hashes what a layer of these wheels is made of, once each
   --peak           says at the end on stderr how much memory it had, its children apart
   --overwrites A:B files of A are there instead of those of B, both as names; may be given several times
   --by-people      as wheels that people asked for are installed (the default); --by-others: as those that only another package needs */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/inflate.h"
#include "io/process.h"
#include "layer/bytecode.h"
#include "layer/made.h"
#include "layer/take_all.h"
#include "python/wheel.h"

static int run_here(void *context, const char *const *argv, const char *input, size_t length, struct strbuf *output, struct error *err)
{
	autoresult struct process_result result = {0};
	unsigned *runs = context;

	++*runs;
	if (process_run_ok(&(struct process_spec){.argv = argv, .input = input, .input_length = length}, &result, err) < 0)
		return -1;
	strbuf_add_bytes(output, strbuf_text(&result.out), result.out.length);
	return 0;
}

static void set_place(struct arena *a, const char *venv, struct install_place *ret)
{
	*ret = (struct install_place){
		.purelib = arena_printf(a, "%s/lib/python3.11/site-packages", venv),
		.platlib = arena_printf(a, "%s/lib/python3.11/site-packages", venv),
		.scripts = arena_printf(a, "%s/bin", venv),
		.data = venv,
		.headers = arena_printf(a, "%s/include/site/python3.11", venv),
		.python = arena_printf(a, "%s/bin/python", venv),
		.version = "3.11",
	};
}

static int ask(struct arena *a, const struct layer_runner *runner, const char *venv, struct interpreter *ret, struct error *err)
{
	autostrbuf struct strbuf answer = {0};

	if (interpreter_ask(runner, arena_printf(a, "%s/bin/python", venv), &answer, err) < 0)
		return -1;
	return interpreter_parse(a, strbuf_text(&answer), answer.length, ret, err);
}

static int set_wheels(struct arena *a, char **paths, size_t count, bool is_requested, bool is_named, struct layer_wheel **ret, struct error *err)
{
	struct layer_wheel *wheels = arena_array(a, count, sizeof(*wheels));

	for (size_t i = 0; i < count; i++) {
		struct wheel_name name;
		char *sha256 = arena_alloc(a, DIGEST_HEX_LENGTH + 1);

		if (!wheel_name_parse(a, path_base(paths[i]), &name))
			return error_set(err, ERR_INPUT, "'%s' is no name of a wheel", paths[i]);
		if (is_named)
			digest_bytes(path_base(paths[i]), strlen(path_base(paths[i])), sha256);
		else if (digest_file(paths[i], sha256, err) < 0)
			return -1;
		wheels[i] = (struct layer_wheel){
			.path = paths[i], .sha256 = sha256, .options = {.file_name = path_base(paths[i]), .name = name.name, .is_requested = is_requested}};
	}
	*ret = wheels;
	return 0;
}

/* "A:B": in the wheels, in whichever layers. */
static int set_overwrites(struct arena *a, struct layer_wheel *wheels, size_t count, const char *pair)
{
	const char *colon = strchr(pair, ':');
	struct layer_wheel *winner = NULL, *loser = NULL;

	for (size_t i = 0; i < count && colon; i++) {
		const char *name = wheels[i].options.name;

		if (strlen(name) == (size_t)(colon - pair) && !strncmp(name, pair, strlen(name)))
			winner = &wheels[i];
		if (!strcmp(name, colon + 1))
			loser = &wheels[i];
	}
	if (!winner || !loser)
		return -1;
	const struct layer_wheel **list = arena_array(a, loser->overwritten_by_count + 1, sizeof(*list));

	for (size_t i = 0; i < loser->overwritten_by_count; i++)
		list[i] = loser->overwritten_by[i];
	list[loser->overwritten_by_count++] = winner;
	loser->overwritten_by = list;
	return 0;
}

/* Compiles for a layer that is written to a file, as layer_take() finds it by itself. */
static int compile(struct arena *a, const struct layer_request *request, struct layer_wheel *wheels, const struct layer_runner *runner, struct error *err)
{
	if (bytecode_make(request, 1, runner, err) < 0)
		return -1;
	for (size_t i = 0; i < request->wheel_count; i++)
		wheels[i].options.bytecode = bytecode_find(a, request, &wheels[i]);
	return 0;
}

/* The least that there is to do for a layer: its files inflated, their bytes hashed as they are packed and as they are. Prints both counts. */
static int do_least(char **paths, size_t count, struct error *err)
{
	enum { CHUNK_BYTES = 256 * 1024 };
	static unsigned char packed[CHUNK_BYTES], plain[CHUNK_BYTES];
	struct inflate *inflate = inflate_new();
	uint64_t packed_bytes = 0, plain_bytes = 0;
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest of_packed, of_plain;

	digest_begin(&of_packed);
	digest_begin(&of_plain);
	for (size_t i = 0; i < count; i++) {
		autozip struct zip z = ZIP_NONE;
		struct zip_member m;
		bool found = true;

		if (zip_open(&z, paths[i], err) < 0)
			return -1;
		while (zip_next(&z, &m, &found, err) == 0 && found) {
			uint64_t at = 0, left = m.packed_bytes;
			size_t length, got;

			if (zip_find(&z, &m, &at, err) < 0)
				return -1;
			for (inflate_begin(inflate); left; at += length, left -= length) {
				const unsigned char *from = packed;
				size_t rest = length = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

				if (zip_read_at(&z, packed, length, at, err) < 0)
					return -1;
				digest_add(&of_packed, packed, length);
				packed_bytes += length;
				do {
					got = 0;
					if (m.method && inflate_step(inflate, &from, &rest, plain, CHUNK_BYTES, &got) == INFLATE_END)
						rest = 0;
					digest_add(&of_plain, m.method ? plain : packed, m.method ? got : length);
					plain_bytes += m.method ? got : length;
				} while (m.method && (rest || got == CHUNK_BYTES));
			}
		}
		if (error_is_set(err))
			return -1;
	}
	digest_end(&of_packed, hex);
	digest_end(&of_plain, hex);
	inflate_free(inflate);
	printf("%llu %llu\n", (unsigned long long)packed_bytes, (unsigned long long)plain_bytes);
	return 0;
}

static void print(const struct layer_made *l, const char *how)
{
	printf("%s %s %llu %llu %llu %zu %s\n", l->digest, l->diff_id, (unsigned long long)l->packed_bytes, (unsigned long long)l->plain_bytes,
	       (unsigned long long)l->installed_bytes, l->file_count, how);
}

static void note_event(void *context, size_t request, enum layer_event event, const struct layer_made *layer)
{
	const char **events = context;

	(void)layer;
	if (event != LAYER_BEGUN)
		events[request] = event == LAYER_KEPT ? "kept" : "made";
}

static int take_apart(struct arena *a, const struct layer_request *all, unsigned at_once, const struct layer_runner *runner, struct error *err)
{
	struct layer_request *requests = arena_array(a, all->wheel_count, sizeof(*requests));
	struct layer_made *made = arena_array(a, all->wheel_count, sizeof(*made));
	const char **events = arena_array(a, all->wheel_count, sizeof(*events));

	for (size_t i = 0; i < all->wheel_count; i++) {
		requests[i] = *all;
		requests[i].wheels += i;
		requests[i].wheel_count = 1;
	}
	if (layer_take_all(requests, all->wheel_count, &(struct layer_taking){.at_once = at_once, .runner = runner, .on_event = note_event, .context = events},
			   made, err) < 0)
		return -1;
	for (size_t i = 0; i < all->wheel_count; i++)
		print(&made[i], events[i]);
	return 0;
}

int main(int argc, char **argv)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct layer_made layer;
	struct interpreter interpreter = {0};
	struct bytecode bytecode = {0};
	unsigned runs = 0;
	struct layer_runner runner = {run_here, &runs};
	const char *mode = NULL, *overwrites[8] = {0};
	size_t overwrite_count = 0;
	unsigned long apart = 0;
	bool is_measured = false, is_floor = false, is_zstd = false, is_named = false, is_requested = true, made = true;
	struct layer_wheel *wheels = NULL;

	for (; argc > 1 && !strncmp(argv[1], "--", 2); argc--, argv++) {
		if (!strcmp(argv[1], "--bytecode") && argc > 2) {
			mode = argv[2];
			argc--;
			argv++;
		} else if (!strcmp(argv[1], "--overwrites") && argc > 2 && overwrite_count < 8) {
			overwrites[overwrite_count++] = argv[2];
			argc--;
			argv++;
		} else if (!strcmp(argv[1], "--apart") && argc > 2) {
			apart = strtoul(argv[2], NULL, 10);
			argc--;
			argv++;
		} else {
			is_floor = is_floor || !strcmp(argv[1], "--floor");
			is_measured = is_measured || !strcmp(argv[1], "--peak");
			is_named = is_named || !strcmp(argv[1], "--by-name");
			is_zstd = is_zstd || !strcmp(argv[1], "--zstd");
			is_requested = is_requested && strcmp(argv[1], "--by-others") != 0;
		}
	}
	if (argc < 4 || (mode && !bytecode_mode_read(mode, &bytecode.mode)))
		return 2;
	if (is_floor)
		return do_least(argv + 3, (size_t)argc - 3, &err) < 0 ? (fprintf(stderr, "error: %s\n", err.text), 1) : 0;
	struct layer_request request = {.wheel_count = (size_t)argc - 3, .place = &interpreter.place, .modified_unix = 315532800};

	set_place(&a, argv[2], &interpreter.place);
	if ((mode && ask(&a, &runner, argv[2], &interpreter, &err) < 0) ||
	    set_wheels(&a, argv + 3, request.wheel_count, is_requested, is_named, &wheels, &err) < 0)
		goto failed;
	for (size_t i = 0; i < overwrite_count; i++) {
		if (set_overwrites(&a, wheels, request.wheel_count, overwrites[i]) < 0)
			return 2;
	}
	bytecode.identity = interpreter.identity;
	request.wheels = wheels;
	request.packing = is_zstd ? LAYER_ZSTD : LAYER_GZIP;
	request.bytecode = mode ? &bytecode : NULL;
	if (apart)
		return take_apart(&a, &request, (unsigned)apart, &runner, &err) < 0 ? (fprintf(stderr, "error: %s\n", err.text), 1) : 0;
	if (mode && compile(&a, &request, wheels, &runner, &err) < 0)
		goto failed;
	bool is_kept = !strcmp(argv[1], "-");
	autofd int fd = is_kept ? -1 : open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if ((is_kept ? layer_take(&request, &layer, &made, &err) : layer_write(&request, fd, argv[1], &layer, &err)) < 0)
		goto failed;
	print(&layer, made ? "made" : "kept");
	if (is_measured) {
		struct rusage usage;

		getrusage(RUSAGE_SELF, &usage);
		fprintf(stderr, "%ld KiB\n", usage.ru_maxrss);
	}
	return 0;
failed:
	fprintf(stderr, "error: %s\n", err.text);
	return 1;
}
