#include "layer/bytecode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/store.h"
#include "io/json.h"
#include "io/signals.h"
#include "io/zip_write.h"
#include "io/inflate.h"
#include "layer/note.h"

enum {
	/* One run: so much is sent, and so much comes back; both are held in memory. */
	RUN_PACKED_BYTES = 4 << 20,
	RUN_PLAIN_BYTES = 64 << 20,
	RUN_SOURCES = 8192,
	RUN_WHEELS = 256, /* each is open until it is done */
	/* One process of the Python in the image: the same sources of a wheel in whichever run they are, as one may change a bit of what is made of the next. */
	TURN_SOURCES = 16,
	TURN_PLAIN_BYTES = 512 << 10,
	/* Room for all that is made of what is sent, which is seldom more than twice as much: what is left over takes a run of its own. */
	ANSWER_LIMIT_BYTES = 10 << 20,
	/* No source of people's is as large; it is left out. */
	SOURCE_LIMIT_BYTES = 32 << 20,
	WAIT_US = 100000,
};
static const char KIND[] = "bytecode";

/* The script stands in its own file, where linters read it, and is linked in as it is. */
__asm__(".section .rodata\n"
	"layer_compile_script:\n"
	".incbin \"src/layer/compile.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char layer_compile_script[];

/* The environment decides what Python makes of sets and of warnings: it gets one with nothing in it but that. The loader's path stays, as it found its libraries. */
static const char layer_compile_begin[] =
	"import os, sys\n"
	"keep = {name: os.environ[name] for name in ('LD_LIBRARY_PATH',) if name in os.environ}\n"
	"os.execve(sys.executable, [sys.executable, '-s', '-S', '-B', '-W', 'ignore', '-X', 'utf8', '-c'] + sys.argv[1:], dict(keep, PYTHONHASHSEED='0'))\n";

/* One wheel to be done. */
struct job {
	const struct layer_request *request;
	const struct layer_wheel *wheel;
	char key[DIGEST_HEX_LENGTH + 1];
	struct arena arena; /* of `install`, until it is done */
	struct install install;
	struct store_partial partial; /* open from its first answer on */
	struct zip_write zip;
	bool is_open, is_listed; /* listed: all its sources were given to a run */
	bool is_others;          /* another process makes it */
	size_t unanswered;
	size_t turn_sources, turn_bytes; /* in its newest process */
};

/* A source that waits for its answer. */
struct source {
	struct job *job;
	const struct install_file *file;
	size_t begin, packed_bytes, size_bytes; /* in the body */
	uint32_t crc;
	unsigned method;
	bool begins_turn; /* the first of its process */
};

struct making {
	const struct layer_runner *runner;
	struct job *jobs;
	size_t count;
	struct source *sources; /* of the run being filled */
	size_t source_count, plain_bytes, wheel_count;
	struct strbuf body;
};

static const char *mode_name(enum bytecode_mode mode)
{
	return mode == BYTECODE_HASH ? "hash" : "pip";
}

bool bytecode_mode_read(const char *word, enum bytecode_mode *ret)
{
	if (strcmp(word, "pip") != 0 && strcmp(word, "hash") != 0)
		return false;
	*ret = strcmp(word, "hash") ? BYTECODE_PIP : BYTECODE_HASH;
	return true;
}

const char *bytecode_form(void)
{
	static char hex[DIGEST_HEX_LENGTH + 1];
	char limits[64];
	struct digest d;

	if (*hex)
		return hex;
	snprintf(limits, sizeof(limits), "%d %d %d %d", TURN_SOURCES, TURN_PLAIN_BYTES, ANSWER_LIMIT_BYTES, SOURCE_LIMIT_BYTES);
	digest_begin(&d);
	digest_add_part(&d, layer_compile_begin);
	digest_add_part(&d, layer_compile_script);
	/* Which sources share a process, and which are left out as too large. */
	digest_add_part(&d, limits);
	digest_end(&d, hex);
	return hex;
}

static void make_key(const struct layer_request *r, const struct layer_wheel *wheel, char ret[DIGEST_HEX_LENGTH + 1])
{
	autoarena struct arena a = {0};
	const struct install_place *p = r->place;
	const char *const parts[] = {bytecode_form(),
				     wheel->sha256,
				     mode_name(r->bytecode->mode),
				     r->bytecode->identity,
				     p->purelib,
				     p->platlib,
				     p->scripts,
				     p->data,
				     p->headers,
				     p->python,
				     p->version,
				     r->bytecode->mode == BYTECODE_PIP ? arena_printf(&a, "%lld", (long long)r->modified_unix) : ""};
	struct digest d;

	digest_begin(&d);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		digest_add_part(&d, parts[i]);
	digest_end(&d, ret);
}

static const char *find(struct arena *a, const char *key)
{
	const struct value *note = note_read(a, KIND, key);
	char digest[DIGEST_HEX_LENGTH + 1];
	uint64_t bytes;

	if (!note_get_digest(note, "digest", digest) || !note_get_count(note, "bytes", &bytes) || !store_has(digest, (int64_t)bytes))
		return NULL;
	return store_path(a, digest);
}

const char *bytecode_find(struct arena *a, const struct layer_request *request, const struct layer_wheel *wheel)
{
	char key[DIGEST_HEX_LENGTH + 1];

	make_key(request, wheel, key);
	return find(a, key);
}

static int refuse(const struct job *j, const struct install_file *f, const char *why, struct error *err)
{
	return archive_refuse(&j->install.archive, f->member ? f->member->name : f->path, why, err);
}

/* ---- what comes back ---- */

static void let_go(struct job *j)
{
	if (j->is_open) {
		zip_write_release(&j->zip);
		store_partial_discard(&j->partial);
	}
	j->is_open = false;
	install_release(&j->install);
	arena_release(&j->arena);
	j->install = INSTALL_NONE;
}

static int open_job(struct job *j, struct error *err)
{
	autoerror struct error busy = {0};

	if (j->is_open || j->is_others)
		return 0;
	if (store_partial_open(&j->partial, j->key, &busy) < 0) {
		j->is_others = busy.code == ERR_BUSY;
		if (j->is_others)
			return 0;
		error_move(err, &busy);
		return -1;
	}
	zip_write_begin(&j->zip, j->partial.fd, j->partial.path);
	j->is_open = true;
	return store_partial_restart(&j->partial, err);
}

/* Moves the finished archive into the store and notes it. */
static int close_job(struct job *j, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct json_writer w = {.out = &text, .compact = true};
	char digest[DIGEST_HEX_LENGTH + 1];
	uint64_t bytes;

	if (open_job(j, err) < 0)
		return -1;
	if (j->is_open) {
		if (zip_write_end(&j->zip, digest, &bytes, err) < 0)
			return -1;
		if (!store_has(digest, (int64_t)bytes) && (store_partial_made(&j->partial, digest, err) < 0 || store_partial_commit(&j->partial, err) < 0))
			return -1;
		json_begin_object(&w, NULL);
		json_add_text(&w, "digest", digest);
		json_add_integer(&w, "bytes", (int64_t)bytes);
		json_end_object(&w);
		if (note_write(KIND, j->key, &text, err) < 0)
			return -1;
	}
	let_go(j);
	return 0;
}

static int answers_nonsense(struct error *err)
{
	return error_set(err, ERR_ENGINE, "cannot compile sources in the image: its Python answers nonsense");
}

/* <folder>/__pycache__/<name> */
static const char *compiled_path(struct arena *a, const struct install_file *f, const char *name)
{
	return arena_printf(a, "%.*s__pycache__/%s", (int)(path_base(f->path) - f->path), f->path, name);
}

static int take_stream(const struct source *s, const struct value *v, const char **at, const char *end, struct error *err)
{
	autoarena struct arena a = {0};
	const char *name = value_get_text(v, "name");
	uint64_t packed = 0, size = 0, crc = 0;

	if (!name || !path_is_plain_name(name) || !text_ends_with(name, ".pyc") || !note_get_count(v, "packed", &packed) || !note_get_count(v, "size", &size) ||
	    !note_get_count(v, "crc", &crc) || packed > (size_t)(end - *at) || size > UINT32_MAX || crc > UINT32_MAX)
		return answers_nonsense(err);
	const char *packed_bytes = *at;

	*at += packed;
	if (open_job(s->job, err) < 0)
		return -1;
	return s->job->is_others
		       ? 0
		       : zip_write_member(&s->job->zip, compiled_path(&a, s->file, name), packed_bytes, (uint32_t)packed, (uint32_t)size, (uint32_t)crc, err);
}

/* One line, and the bytes behind it. */
static int take_answer(const struct source *s, const char **at, const char *end, struct error *err)
{
	autoarena struct arena a = {0};
	autoerror struct error broken = {0};
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	struct value *v = NULL;
	int64_t signal;

	if (!newline || json_parse(&a, "its answer", *at, (size_t)(newline - *at), &v, &broken) < 0)
		return answers_nonsense(err);
	*at = newline + 1;
	if (value_get_boolean(v, "broken", false))
		return refuse(s->job, s->file, "cannot be unpacked, or is not what the archive says", err);
	if (value_get_integer(v, "signal", &signal))
		return refuse(s->job, s->file, arena_printf(&a, "ends the Python that compiles it, by signal %lld", (long long)signal), err);
	if (!value_get_text(v, "error") && take_stream(s, v, at, end, err) < 0)
		return -1;
	s->job->unanswered--;
	return s->job->is_listed && !s->job->unanswered ? close_job(s->job, err) : 0;
}

/* ---- what is sent ---- */

static void add_request(const struct source *sources, size_t count, const struct strbuf *body, struct strbuf *out)
{
	struct json_writer w = {.out = out, .compact = true};

	json_begin_array(&w, NULL);
	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf path = {0};

		/* pip names a source to Python by way of the library folder, also one that lies outside of it. */
		strbuf_printf(&path, "%s/%s", sources[i].job->install.library, sources[i].file->recorded);
		json_begin_array(&w, NULL);
		json_add_text(&w, NULL, strbuf_text(&path));
		json_add_integer(&w, NULL, sources[i].method);
		json_add_integer(&w, NULL, (int64_t)sources[i].packed_bytes);
		json_add_integer(&w, NULL, (int64_t)sources[i].size_bytes);
		json_add_integer(&w, NULL, sources[i].crc);
		json_add_boolean(&w, NULL, sources[i].begins_turn);
		json_end_array(&w);
	}
	json_end_array(&w);
	strbuf_add_bytes(out, body->text + sources[0].begin, body->length - sources[0].begin);
}

static int run_once(struct making *m, size_t *first, struct error *err)
{
	autostrbuf struct strbuf request = {0}, answer = {0};
	const struct layer_request *r = m->sources[*first].job->request;
	char when[32], limit[32];
	const char *const argv[] = {
		r->place->python, "-I", "-S", "-B", "-c", layer_compile_begin, layer_compile_script, mode_name(r->bytecode->mode), when, limit, NULL};
	size_t before = *first;

	snprintf(when, sizeof(when), "%lld", (long long)r->modified_unix);
	snprintf(limit, sizeof(limit), "%d", ANSWER_LIMIT_BYTES);
	add_request(m->sources + *first, m->source_count - *first, &m->body, &request);
	if (m->runner->run(m->runner->context, argv, request.text, request.length, &answer, err) < 0)
		return error_wrap(err, "cannot compile sources in the image");
	const char *at = strbuf_text(&answer), *end = at + answer.length;

	while (*first < m->source_count && at < end) {
		if (take_answer(&m->sources[*first], &at, end, err) < 0)
			return -1;
		++*first;
	}
	return at == end && *first > before ? 0 : answers_nonsense(err);
}

static int run(struct making *m, struct error *err)
{
	for (size_t first = 0; first < m->source_count;) {
		if (signals_check(err) < 0 || run_once(m, &first, err) < 0)
			return -1;
	}
	m->source_count = m->plain_bytes = m->wheel_count = 0;
	strbuf_clear(&m->body);
	return 0;
}

/* The bytes of a source as they are in the wheel: inflating is for the other side. */
static int add_body(struct making *m, const struct source *s, struct error *err)
{
	const struct install_file *f = s->file;
	uint64_t at = 0;

	if (!f->member) {
		strbuf_add_bytes(&m->body, f->text, f->length);
		return 0;
	}
	if (zip_find(f->zip, f->member, &at, err) < 0 || zip_read_at(f->zip, strbuf_reserve(&m->body, s->packed_bytes), s->packed_bytes, at, err) < 0)
		return archive_wrap(&s->job->install.archive, f->member->name, err);
	strbuf_commit(&m->body, s->packed_bytes);
	return 0;
}

static bool is_source(const struct install_file *f)
{
	uint64_t size = f->member ? f->member->size_bytes : f->length;

	return !f->is_made && text_ends_with(f->path, ".py") && size <= SOURCE_LIMIT_BYTES && (!f->member || f->member->packed_bytes <= SOURCE_LIMIT_BYTES);
}

/* All sources of one run are compiled in one way. */
static bool are_alike(const struct layer_request *a, const struct layer_request *b)
{
	return a->bytecode->mode == b->bytecode->mode && a->modified_unix == b->modified_unix && !strcmp(a->place->python, b->place->python);
}

static int add_source(struct making *m, struct job *j, const struct install_file *f, struct error *err)
{
	struct source s = {.job = j, .file = f, .packed_bytes = f->length, .size_bytes = f->length};

	if (f->member) {
		s.method = f->member->method;
		s.crc = f->member->crc;
		s.packed_bytes = (size_t)f->member->packed_bytes;
		s.size_bytes = (size_t)f->member->size_bytes;
	} else {
		s.crc = crc32_add(0, f->text, f->length);
	}
	s.begins_turn = !j->turn_sources || j->turn_sources == TURN_SOURCES || j->turn_bytes + s.size_bytes > TURN_PLAIN_BYTES;
	/* A run ends between processes. */
	bool is_full = s.begins_turn && (m->source_count + TURN_SOURCES > RUN_SOURCES || m->body.length + s.packed_bytes > RUN_PACKED_BYTES ||
					 m->plain_bytes + s.size_bytes > RUN_PLAIN_BYTES);

	if (m->source_count && (is_full || !are_alike(j->request, m->sources[0].job->request)) && run(m, err) < 0)
		return -1;
	if (s.begins_turn)
		j->turn_sources = j->turn_bytes = 0;
	j->turn_sources++;
	j->turn_bytes += s.size_bytes;
	s.begin = m->body.length;
	if (add_body(m, &s, err) < 0)
		return -1;
	m->plain_bytes += s.size_bytes;
	j->unanswered++;
	m->sources[m->source_count++] = s;
	return 0;
}

static int list_job(struct making *m, struct job *j, struct error *err)
{
	if (install_read(&j->arena, j->wheel->path, j->request->place, &j->wheel->options, &j->install, err) < 0)
		return -1;
	for (size_t i = 0; i < j->install.count; i++) {
		if (is_source(&j->install.files[i]) && add_source(m, j, &j->install.files[i], err) < 0)
			return -1;
	}
	j->is_listed = true;
	if (!j->unanswered)
		return close_job(j, err);
	return ++m->wheel_count == RUN_WHEELS ? run(m, err) : 0;
}

/* ---- all of it ---- */

/* A wheel may be in several requests. */
static bool is_listed(const struct making *m, const char *key)
{
	for (size_t i = 0; i < m->count; i++) {
		if (!strcmp(m->jobs[i].key, key))
			return true;
	}
	return false;
}

static void list_jobs(struct making *m, const struct layer_request *requests, size_t count)
{
	size_t room = 0;

	for (size_t i = 0; i < count; i++)
		room += requests[i].bytecode ? requests[i].wheel_count : 0;
	m->jobs = mem_zero(room + 1, sizeof(*m->jobs));
	for (size_t i = 0; i < count; i++) {
		for (size_t n = 0; requests[i].bytecode && n < requests[i].wheel_count; n++) {
			autoarena struct arena a = {0};
			struct job *j = &m->jobs[m->count];

			*j = (struct job){.request = &requests[i], .wheel = &requests[i].wheels[n], .install = INSTALL_NONE};
			make_key(j->request, j->wheel, j->key);
			m->count += !is_listed(m, j->key) && !find(&a, j->key);
		}
	}
}

static int make_all(struct making *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		if (list_job(m, &m->jobs[i], err) < 0)
			return -1;
	}
	return run(m, err);
}

/* Waits until the other process has made it, or has ended. *ret_again: it is ours now. Nothing is held while waiting. */
static int await(const struct job *j, bool *ret_again, struct error *err)
{
	for (;;) {
		autoarena struct arena a = {0};
		autoerror struct error busy = {0};
		struct store_partial p = {0};

		if (find(&a, j->key))
			return 0;
		if (store_partial_open(&p, j->key, &busy) == 0) {
			store_partial_discard(&p);
			*ret_again = !find(&a, j->key);
			return 0;
		}
		if (busy.code != ERR_BUSY) {
			error_move(err, &busy);
			return -1;
		}
		if (signals_check(err) < 0)
			return -1;
		usleep(WAIT_US);
	}
}

int bytecode_make(const struct layer_request *requests, size_t count, const struct layer_runner *runner, struct error *err)
{
	bool again = true;
	int result = 0;

	while (again && result == 0) {
		struct making m = {.runner = runner};

		again = false;
		list_jobs(&m, requests, count);
		if (m.count) {
			m.sources = mem_alloc(RUN_SOURCES * sizeof(*m.sources));
			result = make_all(&m, err);
		}
		for (size_t i = 0; i < m.count; i++)
			let_go(&m.jobs[i]);
		for (size_t i = 0; result == 0 && i < m.count; i++)
			result = m.jobs[i].is_others ? await(&m.jobs[i], &again, err) : 0;
		free(m.sources);
		free(m.jobs);
		strbuf_release(&m.body);
	}
	return result;
}
