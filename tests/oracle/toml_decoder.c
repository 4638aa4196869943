/* Reads TOML and writes it as the tagged JSON of toml-test; exit 1 with the problems on stderr when it is not valid. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/toml.h"

static void add_json_text(struct strbuf *out, const char *text, size_t length)
{
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
			strbuf_printf(out, "\\u%04x", c);
		else
			strbuf_add_char(out, text[i]);
	}
	strbuf_add_char(out, '"');
}

static void add_tagged(struct strbuf *out, const char *type, const char *text, size_t length)
{
	strbuf_printf(out, "{\"type\":\"%s\",\"value\":", type);
	add_json_text(out, text, length);
	strbuf_add_char(out, '}');
}

static const char *date_kind(const char *text)
{
	if (text[2] == ':')
		return "time-local";
	if (strlen(text) == 10)
		return "date-local";
	return strpbrk(text + 11, "Zz+-") ? "datetime" : "datetime-local";
}

static void add_date(struct strbuf *out, const struct value *v)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < v->text_length; i++)
		strbuf_add_char(&text, v->text[i] == 't' || v->text[i] == ' ' ? 'T' : v->text[i] == 'z' ? 'Z' : v->text[i]);
	add_tagged(out, date_kind(v->text), text.text, text.length);
}

static void add_float(struct strbuf *out, double number)
{
	autostrbuf struct strbuf text = {0};

	if (isnan(number))
		strbuf_add(&text, "nan");
	else
		strbuf_printf(&text, "%.17g", number);
	add_tagged(out, "float", text.text, text.length);
}

static void add_value(struct strbuf *out, const struct value *v)
{
	autostrbuf struct strbuf text = {0};

	switch (v->kind) {
	case VALUE_TABLE:
		strbuf_add_char(out, '{');
		for (size_t i = 0; i < v->entry_count; i++) {
			strbuf_add(out, i ? "," : "");
			add_json_text(out, v->entries[i].key, v->entries[i].key_length);
			strbuf_add_char(out, ':');
			add_value(out, v->entries[i].value);
		}
		strbuf_add_char(out, '}');
		break;
	case VALUE_ARRAY:
		strbuf_add_char(out, '[');
		for (size_t i = 0; i < v->item_count; i++) {
			strbuf_add(out, i ? "," : "");
			add_value(out, v->items[i]);
		}
		strbuf_add_char(out, ']');
		break;
	case VALUE_INTEGER:
		strbuf_printf(&text, "%lld", (long long)v->integer);
		add_tagged(out, "integer", text.text, text.length);
		break;
	case VALUE_FLOAT:
		add_float(out, v->floating);
		break;
	case VALUE_BOOLEAN:
		add_tagged(out, "bool", v->boolean ? "true" : "false", v->boolean ? 4 : 5);
		break;
	case VALUE_DATETIME:
		add_date(out, v);
		break;
	case VALUE_TEXT:
	case VALUE_NULL:
		add_tagged(out, "string", v->text, v->text_length);
		break;
	}
}

/* One line of JSON, or "invalid"; the problems go to stderr. Without a path, the text is `in`. */
static int decode(const char *path, const struct strbuf *in)
{
	autostrbuf struct strbuf out = {0};
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	struct value *document = path ? toml_read(&a, path, path, 64 * 1024 * 1024, &d) : toml_parse(&a, "stdin", strbuf_text(in), in->length, &d);

	if (!document) {
		diag_print(&d, stderr);
		puts("invalid");
		return 1;
	}
	add_value(&out, document);
	puts(out.text);
	return 0;
}

/* Without arguments: one document from stdin. Else one line for each of the files named. */
int main(int argc, char **argv)
{
	autostrbuf struct strbuf in = {0};
	ssize_t got;

	for (int i = 1; i < argc; i++)
		decode(argv[i], NULL);
	if (argc > 1)
		return 0;
	while ((got = read(STDIN_FILENO, strbuf_reserve(&in, 65536), 65536)) > 0)
		strbuf_commit(&in, (size_t)got);
	return decode(NULL, &in);
}
