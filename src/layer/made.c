#include "layer/made.h"

#include <stdio.h>

#include "base/file.h"
#include "base/text.h"
#include "fetch/store.h"
#include "io/json.h"

enum { NOTE_LIMIT_BYTES = 64 * 1024 };

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
	for (size_t i = 0; i < r->wheel_count; i++) {
		const struct install_options *o = &r->wheels[i].options;

		digest_add_part(&d, r->wheels[i].sha256);
		digest_add_part(&d, o->file_name);
		digest_add_part(&d, o->name);
		digest_add_part(&d, o->is_requested ? "requested" : "");
		digest_add_part(&d, o->direct_url);
	}
	digest_end(&d, ret_hex);
}

static char *note_path(struct arena *a, const char *key)
{
	return arena_printf(a, "%s/layers/%.2s/%s", path_cache_dir(a), key, key);
}

static bool get_digest(const struct value *v, const char *name, char ret[DIGEST_HEX_LENGTH + 1])
{
	const char *text = value_get_text(v, name);

	if (!text || !digest_is_hex(text))
		return false;
	snprintf(ret, DIGEST_HEX_LENGTH + 1, "%s", text);
	return true;
}

static bool get_count(const struct value *v, const char *name, uint64_t *ret)
{
	int64_t number;

	if (!value_get_integer(v, name, &number) || number < 0)
		return false;
	*ret = (uint64_t)number;
	return true;
}

/* False when there is no such note, it is broken, or its layer is gone. */
static bool recall(const char *key, struct layer_made *ret)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf text = {0};
	struct value *v = NULL;
	struct layer_made l = {0};
	uint64_t files = 0;

	if (file_read(note_path(&a, key), NOTE_LIMIT_BYTES, &text, &err) < 0 || json_parse(&a, "note", text.text, text.length, &v, &err) < 0)
		return false;
	if (!get_digest(v, "digest", l.digest) || !get_digest(v, "diff-id", l.diff_id) || !get_count(v, "packed-bytes", &l.packed_bytes) ||
	    !get_count(v, "plain-bytes", &l.plain_bytes) || !get_count(v, "installed-bytes", &l.installed_bytes) || !get_count(v, "files", &files))
		return false;
	l.file_count = (size_t)files;
	*ret = l;
	return store_has(l.digest, (int64_t)l.packed_bytes);
}

static int note(const char *key, const struct layer_made *l, struct error *err)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	struct json_writer w = {.out = &text, .compact = true};
	const char *path = note_path(&a, key);

	json_begin_object(&w, NULL);
	json_add_text(&w, "digest", l->digest);
	json_add_text(&w, "diff-id", l->diff_id);
	json_add_integer(&w, "packed-bytes", (int64_t)l->packed_bytes);
	json_add_integer(&w, "plain-bytes", (int64_t)l->plain_bytes);
	json_add_integer(&w, "installed-bytes", (int64_t)l->installed_bytes);
	json_add_integer(&w, "files", (int64_t)l->file_count);
	json_end_object(&w);
	return file_make_parents(path, err) < 0 ? -1 : file_write_derived(path, text.text, text.length, err);
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

int layer_take(const struct layer_request *request, struct layer_made *ret, bool *ret_made, struct error *err)
{
	struct store_partial p = {0};
	char key[DIGEST_HEX_LENGTH + 1];
	struct layer_made l;

	layer_key(request, key);
	if (ret_made)
		*ret_made = false;
	if (recall(key, ret))
		return 0;
	if (store_partial_open(&p, key, err) < 0)
		return -1;
	if (store_partial_restart(&p, err) < 0 || layer_write(request, p.fd, p.path, &l, err) < 0 || keep(&p, &l, err) < 0 || note(key, &l, err) < 0) {
		store_partial_discard(&p);
		return -1;
	}
	*ret = l;
	if (ret_made)
		*ret_made = true;
	return 0;
}
