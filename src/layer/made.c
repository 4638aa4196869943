#include "layer/made.h"

#include <stdio.h>
#include <string.h>

#include "fetch/store.h"
#include "io/json.h"
#include "io/zstd_write.h"
#include "layer/bytecode.h"
#include "layer/note.h"

static const char KIND[] = "layers";

/* What is compiled goes into the key by who compiles it and how: the key is known before anything is. */
static void add_bytecode(struct digest *d, const struct bytecode *b)
{
	digest_add_part(d, b ? bytecode_form() : NULL);
	digest_add_part(d, b ? b->identity : NULL);
	digest_add_part(d, b && b->mode == BYTECODE_HASH ? "hash" : "");
}

void layer_key(const struct layer_request *r, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	const struct install_place *p = r->place;
	const char *const parts[] = {LAYER_FORM, p->purelib, p->platlib, p->scripts, p->data, p->headers, p->python, p->version};
	struct digest d;
	char number[32];

	digest_begin(&d);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		digest_add_part(&d, parts[i]);
	snprintf(number, sizeof(number), "%lld", (long long)r->modified_unix);
	digest_add_part(&d, number);
	add_bytecode(&d, r->bytecode);
	digest_add_part(&d, r->packing == LAYER_ZSTD ? zstd_write_version() : "");
	for (size_t i = 0; i < r->wheel_count; i++) {
		const struct install_options *o = &r->wheels[i].options;

		digest_add_part(&d, r->wheels[i].sha256);
		digest_add_part(&d, o->file_name);
		digest_add_part(&d, o->name);
		digest_add_part(&d, o->is_requested ? "requested" : "");
		digest_add_part(&d, o->direct_url);
		/* Which paths are left out, the others' digests say; none of these looks like this word. */
		if (r->wheels[i].overwritten_by_count)
			digest_add_part(&d, "overwritten by");
		for (size_t k = 0; k < r->wheels[i].overwritten_by_count; k++)
			digest_add_part(&d, r->wheels[i].overwritten_by[k]->sha256);
	}
	digest_end(&d, ret_hex);
}

bool layer_known(const struct layer_request *request, struct layer_made *ret)
{
	autoarena struct arena a = {0};
	char key[DIGEST_HEX_LENGTH + 1];
	struct layer_made l = {0};
	uint64_t files = 0;

	layer_key(request, key);
	const struct value *v = note_read(&a, KIND, key);

	if (!note_get_digest(v, "digest", l.digest) || !note_get_digest(v, "diff-id", l.diff_id) || !note_get_count(v, "packed-bytes", &l.packed_bytes) ||
	    !note_get_count(v, "plain-bytes", &l.plain_bytes) || !note_get_count(v, "installed-bytes", &l.installed_bytes) ||
	    !note_get_count(v, "files", &files) || !store_has(l.digest, (int64_t)l.packed_bytes))
		return false;
	l.file_count = (size_t)files;
	*ret = l;
	return true;
}

static int note(const char *key, const struct layer_made *l, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct json_writer w = {.out = &text, .compact = true};

	json_begin_object(&w, NULL);
	json_add_text(&w, "digest", l->digest);
	json_add_text(&w, "diff-id", l->diff_id);
	json_add_integer(&w, "packed-bytes", (int64_t)l->packed_bytes);
	json_add_integer(&w, "plain-bytes", (int64_t)l->plain_bytes);
	json_add_integer(&w, "installed-bytes", (int64_t)l->installed_bytes);
	json_add_integer(&w, "files", (int64_t)l->file_count);
	json_end_object(&w);
	return note_write(KIND, key, &text, err);
}

/* A layer that is not needed a second time is not written over itself: a reader may have it open. */
static int keep(struct store_partial *p, const struct layer_made *l, struct error *err)
{
	if (store_has(l->digest, (int64_t)l->packed_bytes)) {
		store_partial_discard(p);
		return 0;
	}
	return store_partial_made(p, l->digest, err) < 0 ? -1 : store_partial_commit(p, err);
}

/* The request with its compiled sources, all of which are made. */
static int add_compiled(struct arena *a, struct layer_request *r, struct error *err)
{
	struct layer_wheel *wheels = arena_array(a, r->wheel_count + 1, sizeof(*wheels));

	for (size_t i = 0; i < r->wheel_count; i++) {
		wheels[i] = r->wheels[i];
		wheels[i].options.bytecode = bytecode_find(a, r, &r->wheels[i]);
		if (!wheels[i].options.bytecode)
			return error_set(err, ERR_NOT_FOUND, "cannot make a layer of '%s': its sources are not compiled", wheels[i].options.file_name);
	}
	r->wheels = wheels;
	return 0;
}

static int make(const struct layer_request *request, const char *key, struct store_partial *p, struct layer_made *ret, struct error *err)
{
	autoarena struct arena a = {0};
	struct layer_request r = *request;

	if (r.bytecode && add_compiled(&a, &r, err) < 0)
		return -1;
	if (store_partial_restart(p, err) < 0 || layer_write(&r, p->fd, p->path, ret, err) < 0 || keep(p, ret, err) < 0)
		return -1;
	return note(key, ret, err);
}

int layer_take(const struct layer_request *request, struct layer_made *ret, bool *ret_made, struct error *err)
{
	struct store_partial p = {0};
	char key[DIGEST_HEX_LENGTH + 1];
	struct layer_made l;

	if (ret_made)
		*ret_made = false;
	if (layer_known(request, ret))
		return 0;
	layer_key(request, key);
	if (store_partial_open(&p, key, err) < 0)
		return -1;
	if (make(request, key, &p, &l, err) < 0) {
		store_partial_discard(&p);
		return -1;
	}
	*ret = l;
	if (ret_made)
		*ret_made = true;
	return 0;
}
