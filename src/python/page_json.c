/* {"files": [{"filename": ..., "url": ..., "hashes": {"sha256": ...}}, ...]} (PEP 691), read a character at a time. All else is passed over; it is checked only
   as far as finding one's way through it needs. */
#include "python/page_read.h"

#include <string.h>

#include "base/text.h"

enum { AT_START, BETWEEN, IN_TEXT, IN_ESCAPE, IN_UNICODE, IN_WORD, AT_END };

/* Depths: 1 the document, 2 its files or what it says of itself, 3 one file, 4 its hashes. */
enum { DOCUMENT = 1, FILES, FILE_OBJECT, HASHES };

bool page_json_is_whole(const struct page *p)
{
	return p->state == AT_END;
}

static void open_container(struct page *p, char kind)
{
	if (p->depth == PAGE_DEPTH_MAX) {
		p->is_broken = true;
		return;
	}
	if (p->depth == DOCUMENT) {
		p->in_files = kind == '[' && !strcmp(strbuf_text(&p->key), "files");
		p->in_meta = kind == '{' && !strcmp(strbuf_text(&p->key), "meta");
	}
	if (p->depth == FILE_OBJECT)
		p->in_hashes = kind == '{' && !strcmp(strbuf_text(&p->key), "hashes");
	p->kinds[p->depth++] = kind;
	p->in_value = kind == '[';
	p->state = BETWEEN;
}

static void close_container(struct page *p, char kind)
{
	if (!p->depth || p->kinds[p->depth - 1] != kind) {
		p->is_broken = true;
		return;
	}
	if (p->depth == FILE_OBJECT && p->in_files)
		page_report(p);
	if (p->depth == FILES)
		p->in_files = p->in_meta = false;
	if (p->depth == HASHES)
		p->in_hashes = false;
	p->depth--;
	p->in_value = p->depth && p->kinds[p->depth - 1] == '[';
	if (!p->depth)
		p->state = AT_END;
}

static void set(struct strbuf *to, const struct strbuf *from)
{
	strbuf_clear(to);
	strbuf_add_bytes(to, strbuf_text(from), from->length);
}

/* Half a surrogate pair that nothing completes is no character. */
static void end_surrogate(struct page *p)
{
	if (p->high_surrogate && p->text.length < PAGE_TEXT_LIMIT_BYTES)
		page_add_character(&p->text, p->high_surrogate);
	p->high_surrogate = 0;
}

/* The reason; an empty one says no more than false (PEP 691: it is what is true to Python). */
static void take_yanked(struct page *p)
{
	p->is_yanked = p->text.length > 0;
	set(&p->yanked, &p->text);
}

static void end_text(struct page *p)
{
	const char *key = strbuf_text(&p->key);

	end_surrogate(p);
	p->state = BETWEEN;
	if (!p->in_value) {
		set(&p->key, &p->text);
	} else if (p->in_meta && p->depth == FILES && !strcmp(key, "api-version")) {
		page_check_version(p, strbuf_text(&p->text));
	} else if (p->in_files && p->kinds[p->depth - 1] == '{') {
		if (p->depth == FILE_OBJECT && !strcmp(key, "filename"))
			set(&p->name, &p->text);
		else if (p->depth == FILE_OBJECT && !strcmp(key, "url"))
			set(&p->link, &p->text);
		else if (p->depth == FILE_OBJECT && !strcmp(key, "requires-python"))
			set(&p->requires_python, &p->text);
		else if (p->depth == FILE_OBJECT && !strcmp(key, "upload-time"))
			set(&p->uploaded, &p->text);
		else if (p->depth == FILE_OBJECT && !strcmp(key, "yanked"))
			take_yanked(p);
		else if (p->depth == HASHES && p->in_hashes && !strcmp(key, "sha256"))
			set(&p->sha256, &p->text);
	}
}

static void add_to_text(struct page *p, char c)
{
	end_surrogate(p);
	/* A text beyond the limit is cut: it cannot be the name or the address of a file. */
	if (p->text.length < PAGE_TEXT_LIMIT_BYTES)
		strbuf_add_char(&p->text, c);
}

static void add_escape(struct page *p, char c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found = strchr(from, c);

	p->state = IN_TEXT;
	if (c == 'u') {
		p->state = IN_UNICODE;
		p->unicode = p->unicode_digits = 0;
	} else if (c && found) {
		add_to_text(p, to[found - from]);
	} else {
		p->is_broken = true;
	}
}

static void add_unicode_digit(struct page *p, char c)
{
	int digit = text_hex_digit(c);

	if (digit < 0) {
		p->is_broken = true;
		return;
	}
	p->unicode = p->unicode * 16 + (unsigned)digit;
	if (++p->unicode_digits < 4)
		return;
	p->state = IN_TEXT;
	if (p->high_surrogate && p->unicode >= 0xdc00 && p->unicode < 0xe000) {
		p->unicode = 0x10000 + ((p->high_surrogate - 0xd800) << 10) + (p->unicode - 0xdc00);
		p->high_surrogate = 0;
	}
	end_surrogate(p);
	if (p->unicode >= 0xd800 && p->unicode < 0xdc00) {
		p->high_surrogate = p->unicode;
		return;
	}
	if (p->text.length < PAGE_TEXT_LIMIT_BYTES)
		page_add_character(&p->text, p->unicode);
}

static void add_structure(struct page *p, char c)
{
	switch (c) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		break;
	case '{':
	case '[':
		open_container(p, c);
		break;
	case '}':
		close_container(p, '{');
		break;
	case ']':
		close_container(p, '[');
		break;
	case ':':
		p->in_value = true;
		break;
	case ',':
		p->in_value = p->depth && p->kinds[p->depth - 1] == '[';
		break;
	case '"':
		p->state = IN_TEXT;
		strbuf_clear(&p->text);
		break;
	default:
		/* true, false, null, numbers */
		p->is_broken = !c || !strchr("-+.0123456789aeflnrstuE", c) || !p->depth;
		/* A reason, or just "true". */
		if (c == 't' && p->in_files && p->depth == FILE_OBJECT && p->in_value && !strcmp(strbuf_text(&p->key), "yanked"))
			p->is_yanked = true;
	}
}

void page_json_add(struct page *p, char c)
{
	switch (p->state) {
	case AT_START:
		if (strchr(" \t\r\n", c) && c)
			return;
		p->is_broken = c != '{';
		open_container(p, '{');
		return;
	case IN_TEXT:
		if (c == '"')
			end_text(p);
		else if (c == '\\')
			p->state = IN_ESCAPE;
		else if ((unsigned char)c < 0x20)
			p->is_broken = true;
		else
			add_to_text(p, c);
		return;
	case IN_ESCAPE:
		add_escape(p, c);
		return;
	case IN_UNICODE:
		add_unicode_digit(p, c);
		return;
	case AT_END:
		p->is_broken = !c || !strchr(" \t\r\n", c);
		return;
	default:
		add_structure(p, c);
	}
}
