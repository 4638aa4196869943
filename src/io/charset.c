#include "io/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* Names are in normal form: lower case, '_' between. `other` are those under which a '.' may stand for '_', too. */
static const struct {
	const char *name, *other;
	enum charset set;
	const char *table;
} charsets[] = {
	{"utf_8", "u8 utf utf8 cp65001", CHARSET_UTF_8, NULL},
	{"utf_8_sig", "", CHARSET_UTF_8, NULL},
	{"ascii", "us_ascii us 646", CHARSET_ASCII, NULL},
	{"latin_1", "latin1 latin l1 iso_8859_1 iso8859_1 iso8859 8859 cp819", CHARSET_LATIN_1, NULL},
	{"utf_16", "u16 utf16", CHARSET_UTF_16, NULL},
	{"utf_16_le", "utf_16le", CHARSET_UTF_16_LE, NULL},
	{"utf_16_be", "utf_16be", CHARSET_UTF_16_BE, NULL},
	{"utf_32", "u32 utf32", CHARSET_UTF_32, NULL},
	{"utf_32_le", "utf_32le", CHARSET_UTF_32_LE, NULL},
	{"utf_32_be", "utf_32be", CHARSET_UTF_32_BE, NULL},
	{"iso8859_2", "iso_8859_2 latin2 l2", CHARSET_TABLE, "ISO-8859-2"},
	{"iso8859_3", "iso_8859_3 latin3 l3", CHARSET_TABLE, "ISO-8859-3"},
	{"iso8859_4", "iso_8859_4 latin4 l4", CHARSET_TABLE, "ISO-8859-4"},
	{"iso8859_5", "iso_8859_5 cyrillic", CHARSET_TABLE, "ISO-8859-5"},
	{"iso8859_6", "iso_8859_6 arabic", CHARSET_TABLE, "ISO-8859-6"},
	{"iso8859_7", "iso_8859_7 greek", CHARSET_TABLE, "ISO-8859-7"},
	{"iso8859_8", "iso_8859_8 hebrew", CHARSET_TABLE, "ISO-8859-8"},
	{"iso8859_9", "iso_8859_9 latin5 l5", CHARSET_TABLE, "ISO-8859-9"},
	{"iso8859_10", "iso_8859_10 latin6 l6", CHARSET_TABLE, "ISO-8859-10"},
	{"iso8859_11", "iso_8859_11 thai", CHARSET_TABLE, "ISO-8859-11"},
	{"iso8859_13", "iso_8859_13 latin7 l7", CHARSET_TABLE, "ISO-8859-13"},
	{"iso8859_14", "iso_8859_14 latin8 l8", CHARSET_TABLE, "ISO-8859-14"},
	{"iso8859_15", "iso_8859_15 latin9 l9", CHARSET_TABLE, "ISO-8859-15"},
	{"iso8859_16", "iso_8859_16 latin10 l10", CHARSET_TABLE, "ISO-8859-16"},
	{"cp1250", "windows_1250 1250", CHARSET_TABLE, "CP1250"},
	{"cp1251", "windows_1251 1251", CHARSET_TABLE, "CP1251"},
	{"cp1252", "windows_1252 1252", CHARSET_TABLE, "CP1252"},
	{"cp1253", "windows_1253 1253", CHARSET_TABLE, "CP1253"},
	{"cp1254", "windows_1254 1254", CHARSET_TABLE, "CP1254"},
	{"cp1256", "windows_1256 1256", CHARSET_TABLE, "CP1256"},
	{"cp1257", "windows_1257 1257", CHARSET_TABLE, "CP1257"},
	{"cp437", "ibm437 437", CHARSET_TABLE, "CP437"},
	{"cp850", "ibm850 850", CHARSET_TABLE, "CP850"},
	{"cp852", "ibm852 852", CHARSET_TABLE, "CP852"},
	{"cp866", "ibm866 866", CHARSET_TABLE, "CP866"},
	{"koi8_r", "", CHARSET_TABLE, "KOI8-R"},
	{"koi8_u", "", CHARSET_TABLE, "KOI8-U"},
	{"gb2312", "euc_cn euccn chinese", CHARSET_TABLE, "EUC-CN"},
	{"cp949", "ms949 uhc 949", CHARSET_TABLE, "CP949"},
};

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
}

/* Lower case; runs of anything else become one '_', but not at the ends. */
static void add_normal(struct strbuf *out, const char *name)
{
	bool between = false;

	for (; *name; name++) {
		char c = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;

		if (!is_plain(c)) {
			between = true;
			continue;
		}
		if (between && out->length)
			strbuf_add_char(out, '_');
		between = false;
		strbuf_add_char(out, c);
	}
}

/* One of the words parted by blanks, where '.' is as good as '_'. */
static bool is_among(const char *words, const char *name)
{
	size_t length = strlen(name), i;

	while (*words) {
		size_t word = strcspn(words, " ");

		for (i = 0; word == length && i < length && (words[i] == name[i] || (words[i] == '_' && name[i] == '.')); i++)
			;
		if (word == length && i == length)
			return true;
		words += word + (words[word] == ' ');
	}
	return false;
}

bool charset_find(const char *name, enum charset *ret, const char **ret_table)
{
	autostrbuf struct strbuf normal = {0};

	add_normal(&normal, name);
	for (size_t i = 0; i < ARRAY_LEN(charsets); i++)
		if (!strcmp(charsets[i].name, strbuf_text(&normal)) || is_among(charsets[i].other, strbuf_text(&normal))) {
			*ret = charsets[i].set;
			*ret_table = charsets[i].table;
			return true;
		}
	return false;
}

static int invalid(size_t at, struct error *err)
{
	return error_set(err, ERR_INPUT, "byte %zu is not valid in its encoding", at + 1);
}

static int decode_bytes(const char *bytes, size_t length, unsigned char last, struct strbuf *out, struct error *err)
{
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)bytes[i] > last)
			return invalid(i, err);
		text_add_utf8(out, (unsigned char)bytes[i]);
	}
	return 0;
}

static int decode_utf_8(const char *bytes, size_t length, struct strbuf *out, struct error *err)
{
	uint32_t code;

	for (size_t i = 0, size; i < length; i += size) {
		size = text_utf8_decode(bytes + i, length - i, &code);
		if (!size)
			return invalid(i, err);
	}
	strbuf_add_bytes(out, bytes, length);
	return 0;
}

static uint32_t unit_at(const char *bytes, size_t size, bool big)
{
	uint32_t unit = 0;

	for (size_t i = 0; i < size; i++)
		unit |= (uint32_t)(unsigned char)bytes[i] << 8 * (big ? size - 1 - i : i);
	return unit;
}

static bool is_surrogate(uint32_t code, uint32_t first)
{
	return code >= first && code < first + 0x400;
}

/* `size`: of a unit, 2 or 4. */
static int decode_units(const char *bytes, size_t length, size_t size, bool big, struct strbuf *out, struct error *err)
{
	for (size_t i = 0; i < length; i += size) {
		uint32_t code = length - i < size ? UINT32_MAX : unit_at(bytes + i, size, big);

		if (size == 2 && is_surrogate(code, 0xD800) && length - i >= 4) {
			uint32_t low = unit_at(bytes + i + 2, 2, big);

			if (is_surrogate(low, 0xDC00)) {
				code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
				i += 2;
			}
		}
		if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
			return invalid(i, err);
		text_add_utf8(out, code);
	}
	return 0;
}

static int decode_marked(const char *bytes, size_t length, size_t size, struct strbuf *out, struct error *err)
{
	bool marked = length >= size && unit_at(bytes, size, false) == 0xFEFF, big = length >= size && unit_at(bytes, size, true) == 0xFEFF;
	size_t skip = marked || big ? size : 0;

	return decode_units(bytes + skip, length - skip, size, big, out, err);
}

static int decode_table(const char *table, const char *bytes, size_t length, struct strbuf *out, struct error *err)
{
	iconv_t converter = iconv_open("UTF-8", table);
	char *from = (char *)bytes;
	size_t left = length;
	int result = 0;

	if (converter == (iconv_t)-1) /* uncovered: only where the C library came without its tables */
		return error_errno(err, "cannot read the encoding '%s'", table);
	while (left && !result) {
		enum { ROOM = 4096 };
		char *to = strbuf_reserve(out, ROOM);
		size_t room = ROOM;

		if (iconv(converter, &from, &left, &to, &room) == (size_t)-1 && errno != E2BIG)
			result = invalid(length - left, err);
		strbuf_commit(out, ROOM - room);
	}
	iconv_close(converter);
	return result;
}

int charset_decode(enum charset set, const char *table, const char *bytes, size_t length, struct strbuf *out, struct error *err)
{
	switch (set) {
	case CHARSET_UTF_8:
		return decode_utf_8(bytes, length, out, err);
	case CHARSET_ASCII:
		return decode_bytes(bytes, length, 0x7F, out, err);
	case CHARSET_LATIN_1:
		return decode_bytes(bytes, length, 0xFF, out, err);
	case CHARSET_UTF_16:
		return decode_marked(bytes, length, 2, out, err);
	case CHARSET_UTF_16_LE:
	case CHARSET_UTF_16_BE:
		return decode_units(bytes, length, 2, set == CHARSET_UTF_16_BE, out, err);
	case CHARSET_UTF_32:
		return decode_marked(bytes, length, 4, out, err);
	case CHARSET_UTF_32_LE:
	case CHARSET_UTF_32_BE:
		return decode_units(bytes, length, 4, set == CHARSET_UTF_32_BE, out, err);
	default:
		return decode_table(table, bytes, length, out, err);
	}
}
