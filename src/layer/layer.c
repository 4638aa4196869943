#include "layer/layer.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/inflate.h"
#include "io/signals.h"
#include "io/zstd_write.h"
#include "layer/gzip.h"
#include "layer/owners.h"
#include "layer/tar.h"
#include "python/record_rows.h"

enum {
	/* Up to here a member is joined with its neighbours; larger ones are gzip members of their own, which cost about forty bytes more and are inflated
	   by the faster library. */
	JOIN_PACKED_BYTES = 8 * 1024,
	JOIN_PLAIN_BYTES = 1 << 20,
	CHUNK_BYTES = 256 * 1024,
	OPEN_MAX = 32, /* archives at once */
	MODE_FOLDER = 0755,
	MODE_PROGRAM = 0755,
	MODE_FILE = 0644,
};

/* A file or a folder of the layer. */
struct entry {
	const char *path;
	const struct install_file *file; /* NULL: a folder */
	size_t wheel;
};

/* A layer being written. */
struct work {
	const struct layer_request *request;
	struct arena arena;
	struct install *installs; /* by wheel; their archives are paused, but for: */
	struct zip *open[OPEN_MAX];
	size_t next_open;      /* which of them gives way */
	struct entry *entries; /* by path */
	size_t count;
	struct gzip gzip;
	struct zstd_write zstd; /* with LAYER_ZSTD in its place, and what it does not know itself: */
	struct digest diff_id;
	uint64_t plain_bytes;
	struct strbuf header; /* the zeros behind the last file and the next header */
	struct inflate *inflate;
	struct digest content;  /* of a file whose digest RECORD has */
	struct digest *checked; /* it, while it is open; else NULL */
	unsigned char *packed, *plain;
};

static int refuse(const struct work *w, const struct entry *e, const char *why, struct error *err)
{
	autostrbuf struct strbuf shown = {0};
	const char *name = e->file->member ? e->file->member->name : e->path;

	text_escape(&shown, name, strlen(name), 0);
	return error_set(err, ERR_INPUT, "cannot install '%s': '%s' in it %s", w->request->wheels[e->wheel].options.file_name, strbuf_text(&shown), why);
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	if (order)
		return order;
	/* Of one path: files before folders, by wheel. */
	return !a->file != !b->file ? (a->file ? -1 : 1) : (a->wheel > b->wheel) - (a->wheel < b->wheel);
}

/* The folders above a file; those of the file before it are there already. */
static void add_folders(struct work *w, const char *path, const char *before)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t length = (size_t)(slash - path);

		if (before && !strncmp(path, before, length + 1))
			continue;
		*arena_push(&w->arena, &w->entries, &w->count) = (struct entry){.path = arena_strndup(&w->arena, path, length)};
	}
}

static int two_owners(const struct work *w, const struct entry *one, const struct entry *other, struct error *err)
{
	const struct layer_wheel *wheels = w->request->wheels;

	if (!one->file != !other->file)
		return owners_refuse_folder(&wheels[one->file ? one->wheel : other->wheel], one->path, err);
	return owners_refuse(&wheels[one->wheel], &wheels[other->wheel], one->path, err);
}

/* One entry for each path; folders are shared, files only where they are the same. */
static int sort_entries(struct work *w, struct error *err)
{
	size_t kept = 0;

	if (w->count > 1)
		qsort(w->entries, w->count, sizeof(*w->entries), compare_entries);
	for (size_t i = 0; i < w->count; i++) {
		const struct entry *e = &w->entries[i], *last = kept ? &w->entries[kept - 1] : NULL;

		if (!last || strcmp(last->path, e->path) != 0)
			w->entries[kept++] = *e;
		else if ((last->file || e->file) && !(last->file && e->file && owners_is_same_file(last->file, e->file)))
			return two_owners(w, last, e, err);
	}
	w->count = kept;
	return 0;
}

static int list_entries(struct work *w, struct error *err)
{
	const struct layer_request *r = w->request;

	w->installs = arena_array(&w->arena, r->wheel_count + 1, sizeof(*w->installs));
	for (size_t i = 0; i < r->wheel_count; i++)
		w->installs[i] = INSTALL_NONE;
	for (size_t i = 0; i < r->wheel_count; i++) {
		const char *before = NULL;

		if (install_read(&w->arena, r->wheels[i].path, r->place, &r->wheels[i].options, &w->installs[i], err) < 0)
			return -1;
		zip_pause(&w->installs[i].archive.zip);
		zip_pause(&w->installs[i].bytecode);
		if (owners_leave_out(&r->wheels[i], r->place, &w->installs[i], err) < 0)
			return -1;
		for (size_t j = 0; j < w->installs[i].count; j++) {
			const struct install_file *f = &w->installs[i].files[j];

			add_folders(w, f->path, before);
			*arena_push(&w->arena, &w->entries, &w->count) = (struct entry){f->path, f, i};
			before = f->path;
		}
	}
	return sort_entries(w, err);
}

static bool is_zstd(const struct work *w)
{
	return w->request->packing == LAYER_ZSTD;
}

static int add_zstd(struct work *w, const void *bytes, size_t length, struct error *err)
{
	if (w->checked)
		digest_add_both(&w->diff_id, w->checked, bytes, length);
	else
		digest_add(&w->diff_id, bytes, length);
	w->plain_bytes += length;
	return zstd_write_add(&w->zstd, bytes, length, err);
}

/* Bytes that were not packed before. */
static int add_bytes(struct work *w, const void *bytes, size_t length, struct error *err)
{
	return is_zstd(w) ? add_zstd(w, bytes, length, err) : gzip_add(&w->gzip, bytes, length, err);
}

static int write_text(struct work *w, const struct install_file *f, struct error *err)
{
	return f->length ? add_bytes(w, f->text, f->length, err) : 0;
}

static int write_joined(struct work *w, const struct entry *e, uint64_t at, uint32_t *ret_crc, struct error *err)
{
	const struct zip_member *m = e->file->member;
	autoerror struct error broken = {0};

	if (zip_read_at(e->file->zip, w->packed, (size_t)m->packed_bytes, at, err) < 0)
		return -1;
	if (gzip_join(&w->gzip, w->packed, (size_t)m->packed_bytes, w->plain, (size_t)m->size_bytes, ret_crc, &broken) < 0) {
		if (broken.code == ERR_INPUT)
			return refuse(w, e, broken.text, err);
		error_move(err, &broken);
		return -1;
	}
	return 0;
}

static int write_stored(struct work *w, const struct entry *e, uint64_t at, uint32_t *ret_crc, struct error *err)
{
	uint64_t left = e->file->member->size_bytes;

	while (left) {
		size_t count = left < GZIP_STORED_MAX_BYTES ? (size_t)left : GZIP_STORED_MAX_BYTES;

		if (zip_read_at(e->file->zip, w->plain, count, at, err) < 0)
			return -1;
		uint32_t crc = crc32_add(0, w->plain, count);

		*ret_crc = crc32_add(*ret_crc, w->plain, count);
		if ((is_zstd(w) ? add_zstd(w, w->plain, count, err) : gzip_store(&w->gzip, w->plain, count, crc, err)) < 0)
			return -1;
		at += count;
		left -= count;
	}
	return 0;
}

/* Inflates a piece of a member, which checks it and gives the digest of what is in the layer. */
static int inflate_piece(struct work *w, const struct entry *e, size_t packed_length, uint64_t *done, uint32_t *crc, bool *ended, struct error *err)
{
	const unsigned char *packed = w->packed;
	size_t count;

	do {
		enum inflate_result result = inflate_step(w->inflate, &packed, &packed_length, w->plain, CHUNK_BYTES, &count);

		*done += count;
		if (result == INFLATE_BROKEN || *done > e->file->member->size_bytes)
			return refuse(w, e, "cannot be unpacked, or to another length than it says", err);
		*crc = crc32_add(*crc, w->plain, count);
		if (!is_zstd(w))
			gzip_member_plain(&w->gzip, w->plain, count);
		else if (add_zstd(w, w->plain, count, err) < 0)
			return -1;
		*ended = result == INFLATE_END;
	} while (!*ended && (packed_length || count == CHUNK_BYTES));
	return *ended && packed_length ? refuse(w, e, "has more bytes than its stream", err) : 0;
}

static int write_alone(struct work *w, const struct entry *e, uint64_t at, uint32_t *ret_crc, struct error *err)
{
	const struct zip_member *m = e->file->member;
	uint64_t left = m->packed_bytes, done = 0;
	bool ended = false;

	if (!is_zstd(w) && gzip_member_begin(&w->gzip, err) < 0)
		return -1;
	inflate_begin(w->inflate);
	while (left) {
		size_t count = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		if (ended)
			return refuse(w, e, "has more bytes than its stream", err);
		if (zip_read_at(e->file->zip, w->packed, count, at, err) < 0 || (!is_zstd(w) && gzip_member_packed(&w->gzip, w->packed, count, err) < 0) ||
		    inflate_piece(w, e, count, &done, ret_crc, &ended, err) < 0)
			return -1;
		at += count;
		left -= count;
	}
	if (!ended || done != m->size_bytes)
		return refuse(w, e, "cannot be unpacked, or to another length than it says", err);
	return is_zstd(w) ? 0 : gzip_member_end(&w->gzip, *ret_crc, m->size_bytes, err);
}

static int open_again(struct work *w, struct zip *z, struct error *err)
{
	struct zip **place = &w->open[w->next_open];

	if (z->fd >= 0)
		return 0;
	if (*place)
		zip_pause(*place);
	*place = z;
	w->next_open = (w->next_open + 1) % OPEN_MAX;
	return zip_resume(z, err);
}

static int find_member(struct work *w, const struct entry *e, uint64_t *ret_at, struct error *err)
{
	autoerror struct error broken = {0};

	if (open_again(w, e->file->zip, err) < 0)
		return -1;
	if (zip_find(e->file->zip, e->file->member, ret_at, &broken) == 0)
		return 0;
	if (broken.code == ERR_INPUT)
		return refuse(w, e, "is broken in the archive: its header is not what the directory says, or it is packed in a way that is not known", err);
	error_move(err, &broken);
	return -1;
}

/* Against what RECORD says of the file. */
static int check_content(struct work *w, const struct entry *e, struct error *err)
{
	char sha256[DIGEST_HEX_LENGTH + 1];

	if (!w->checked)
		return 0;
	w->checked = w->gzip.beside = NULL;
	digest_end(&w->content, sha256);
	return record_rows_hash_fits(e->file->hash, sha256) ? 0 : refuse(w, e, "has another digest than RECORD says", err);
}

static int write_member(struct work *w, const struct entry *e, struct error *err)
{
	const struct zip_member *m = e->file->member;
	uint32_t crc = 0;
	uint64_t at = 0;
	int result;

	if (find_member(w, e, &at, err) < 0)
		return -1;
	if (at > e->file->limit || m->packed_bytes > e->file->limit - at)
		return refuse(w, e, "shares bytes with another member", err);
	if (m->method == 0)
		result = write_stored(w, e, at, &crc, err);
	else if (!is_zstd(w) && m->packed_bytes <= JOIN_PACKED_BYTES && m->size_bytes <= JOIN_PLAIN_BYTES)
		result = write_joined(w, e, at, &crc, err);
	else
		result = write_alone(w, e, at, &crc, err);
	return result == 0 && crc != m->crc ? refuse(w, e, "has another checksum than the archive says", err) : result;
}

static int write_file(struct work *w, const struct entry *e, struct error *err)
{
	if (!e->file->member)
		return write_text(w, e->file, err);
	/* A file begins where a block of the archive's own digest does: both go on together. */
	if (e->file->hash && *e->file->hash) {
		digest_begin(&w->content);
		w->checked = w->gzip.beside = &w->content;
	}
	return write_member(w, e, err) < 0 ? -1 : check_content(w, e, err);
}

static uint64_t size_of(const struct install_file *f)
{
	return f->member ? f->member->size_bytes : f->length;
}

/* Nothing is written of an empty file, but what is said of it must be right. */
static int check_empty(const struct work *w, const struct entry *e, struct error *err)
{
	char sha256[DIGEST_HEX_LENGTH + 1];

	digest_bytes("", 0, sha256);
	if (e->file->member && e->file->member->crc)
		return refuse(w, e, "has another checksum than the archive says", err);
	if (e->file->member && e->file->hash && !record_rows_hash_fits(e->file->hash, sha256))
		return refuse(w, e, "has another digest than RECORD says", err);
	return 0;
}

static int write_entry(struct work *w, const struct entry *e, struct layer_made *l, struct error *err)
{
	struct tar_entry t = {.kind = TAR_FOLDER, .path = e->path, .mode = MODE_FOLDER, .modified_unix = w->request->modified_unix};

	if (e->file) {
		t.kind = TAR_FILE;
		t.mode = e->file->is_executable ? MODE_PROGRAM : MODE_FILE;
		t.size_bytes = size_of(e->file);
		l->installed_bytes += t.size_bytes;
		l->file_count++;
	}
	tar_header(&t, &w->header);
	if (!t.size_bytes)
		return e->file ? check_empty(w, e, err) : 0;
	if (add_bytes(w, strbuf_text(&w->header), w->header.length, err) < 0 || write_file(w, e, err) < 0)
		return -1;
	strbuf_clear(&w->header);
	strbuf_add_repeat(&w->header, '\0', tar_padding(t.size_bytes));
	return 0;
}

static int end_all(struct work *w, struct layer_made *l, struct error *err)
{
	/* An archive ends with two blocks of zeros. */
	strbuf_add_repeat(&w->header, '\0', 2 * TAR_BLOCK_BYTES);
	if (add_bytes(w, strbuf_text(&w->header), w->header.length, err) < 0)
		return -1;
	if (is_zstd(w)) {
		digest_end(&w->diff_id, l->diff_id);
		l->plain_bytes = w->plain_bytes;
		if (zstd_write_end(&w->zstd, l->digest, err) < 0)
			return -1;
		l->packed_bytes = w->zstd.packed_bytes;
		return 0;
	}
	if (gzip_end(&w->gzip, l->digest, l->diff_id, err) < 0)
		return -1;
	l->packed_bytes = w->gzip.packed_bytes;
	l->plain_bytes = w->gzip.plain_bytes;
	return 0;
}

static int write_all(struct work *w, struct layer_made *l, struct error *err)
{
	w->inflate = inflate_new();
	w->packed = mem_alloc(CHUNK_BYTES);
	w->plain = mem_alloc(JOIN_PLAIN_BYTES + 1);
	for (size_t i = 0; i < w->count; i++) {
		if (signals_check(err) < 0 || write_entry(w, &w->entries[i], l, err) < 0)
			return -1;
	}
	return end_all(w, l, err);
}

static void release(struct work *w)
{
	for (size_t i = 0; w->installs && i < w->request->wheel_count; i++)
		install_release(&w->installs[i]);
	gzip_release(&w->gzip);
	zstd_write_release(&w->zstd);
	digest_drop(&w->diff_id);
	if (w->checked)
		digest_drop(w->checked);
	strbuf_release(&w->header);
	inflate_free(w->inflate);
	free(w->packed);
	free(w->plain);
	arena_release(&w->arena);
}

int layer_write(const struct layer_request *request, int fd, const char *path, struct layer_made *ret, struct error *err)
{
	struct work w = {.request = request};
	struct layer_made l = {0};

	if (is_zstd(&w)) {
		zstd_write_begin(&w.zstd, fd, path);
		digest_begin(&w.diff_id);
	} else {
		gzip_begin(&w.gzip, fd, path);
	}
	int result = list_entries(&w, err) < 0 || write_all(&w, &l, err) < 0 ? -1 : 0;

	release(&w);
	if (result == 0)
		*ret = l;
	return result;
}
