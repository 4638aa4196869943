/* Writes the tagged JSON of toml-test, from stdin, as TOML: texts and keys by lockstep's writer, which has no others (numbers and dates it writes as they are),
   tables below the first inline. Texts that hold NUL are no texts of lockstep's: exit 3.
   usage: toml_encoder [FILE ...]     with files, a line for each instead: its bytes as a text. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "io/json.h"
#include "io/toml.h"

static bool holds_nul;

static void add_value(struct strbuf *out, const struct value *v);

static const char *type_of(const struct value *v)
{
	return v->kind == VALUE_TABLE && v->entry_count == 2 && value_get_text(v, "type") && value_get_text(v, "value") ? value_get_text(v, "type") : NULL;
}

static void add_entry(struct strbuf *out, const struct value_entry *entry)
{
	holds_nul = holds_nul || strlen(entry->key) != entry->key_length;
	toml_add_key(out, entry->key);
	strbuf_add(out, " = ");
	add_value(out, entry->value);
}

static void add_scalar(struct strbuf *out, const char *type, const struct value *v)
{
	bool is_float = !strcmp(type, "float");

	holds_nul = holds_nul || strlen(v->text) != v->text_length;
	if (!strcmp(type, "string"))
		toml_add_string(out, v->text);
	else
		strbuf_printf(out, "%s%s", v->text, is_float && !strpbrk(v->text, ".eEnN") ? ".0" : "");
}

static void add_value(struct strbuf *out, const struct value *v)
{
	const char *type = type_of(v);

	if (type) {
		add_scalar(out, type, value_get(v, "value"));
		return;
	}
	strbuf_add(out, v->kind == VALUE_ARRAY ? "[" : "{");
	for (size_t i = 0; i < v->item_count + v->entry_count; i++) {
		strbuf_add(out, i ? ", " : "");
		if (v->kind == VALUE_ARRAY)
			add_value(out, v->items[i]);
		else
			add_entry(out, &v->entries[i]);
	}
	strbuf_add(out, v->kind == VALUE_ARRAY ? "]" : "}");
}

static int write_files(char *const *paths)
{
	for (; *paths; paths++) {
		autostrbuf struct strbuf in = {0}, out = {0};
		autoerror struct error err = {0};

		if (file_read(*paths, 1 << 20, &in, &err))
			return 2;
		toml_add_string(&out, strbuf_text(&in));
		puts(strbuf_text(&out));
	}
	return 0;
}

int main(int argc, char **argv)
{
	autostrbuf struct strbuf in = {0}, out = {0};
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct value *document;
	ssize_t got;

	if (argc > 1)
		return write_files(argv + 1);
	while ((got = read(STDIN_FILENO, strbuf_reserve(&in, 65536), 65536)) > 0)
		strbuf_commit(&in, (size_t)got);
	if (json_parse(&a, "stdin", strbuf_text(&in), in.length, &document, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	for (size_t i = 0; i < document->entry_count; i++) {
		add_entry(&out, &document->entries[i]);
		strbuf_add_char(&out, '\n');
	}
	if (holds_nul)
		return 3;
	fputs(strbuf_text(&out), stdout);
	return 0;
}
