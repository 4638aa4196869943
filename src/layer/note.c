#include "layer/note.h"

#include <string.h>

#include "base/file.h"
#include "io/json.h"

enum { NOTE_LIMIT_BYTES = 64 * 1024 };

static char *note_path(struct arena *a, const char *kind, const char *key)
{
	return arena_printf(a, "%s/%s/%.2s/%s", path_cache_dir(a), kind, key, key);
}

const struct value *note_read(struct arena *a, const char *kind, const char *key)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf text = {0};
	struct value *v = NULL;

	if (file_read(note_path(a, kind, key), NOTE_LIMIT_BYTES, &text, &err) < 0 || json_parse(a, "note", strbuf_text(&text), text.length, &v, &err) < 0)
		return NULL;
	return v;
}

int note_write(const char *kind, const char *key, const struct strbuf *text, struct error *err)
{
	autoarena struct arena a = {0};
	const char *path = note_path(&a, kind, key);

	return file_make_parents(path, err) < 0 ? -1 : file_write_derived(path, strbuf_text(text), text->length, err);
}

bool note_get_digest(const struct value *note, const char *name, char ret[DIGEST_HEX_LENGTH + 1])
{
	const char *text = value_get_text(note, name);

	if (!text || !digest_is_hex(text))
		return false;
	memcpy(ret, text, DIGEST_HEX_LENGTH + 1);
	return true;
}

bool note_get_count(const struct value *note, const char *name, uint64_t *ret)
{
	int64_t number;

	if (!value_get_integer(note, name, &number) || number < 0)
		return false;
	*ret = (uint64_t)number;
	return true;
}
