/* Writes the tagged JSON of toml-test, from stdin, as TOML, a line for each key of the document.
   usage: toml_encoder [FILE ...]     with files, a line for each instead: its bytes as a text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "io/json.h"
#include "io/toml.h"

/* The tagged value becomes what it stands for, in place. */
static void untag_scalar(struct value *v, const char *type, const struct value *said)
{
	struct value scalar = {.kind = VALUE_DATETIME, .text = said->text, .text_length = said->text_length};

	if (!strcmp(type, "string"))
		scalar.kind = VALUE_TEXT;
	else if (!strcmp(type, "integer"))
		scalar = (struct value){.kind = VALUE_INTEGER, .integer = strtoll(said->text, NULL, 10)};
	else if (!strcmp(type, "float"))
		scalar = (struct value){.kind = VALUE_FLOAT, .floating = strtod(said->text, NULL)};
	else if (!strcmp(type, "bool"))
		scalar = (struct value){.kind = VALUE_BOOLEAN, .boolean = !strcmp(said->text, "true")};
	*v = scalar;
}

static void untag(struct value *v)
{
	const char *type = value_get_text(v, "type");
	const struct value *said = value_get(v, "value");

	if (v->entry_count == 2 && type && said && said->kind == VALUE_TEXT) {
		untag_scalar(v, type, said);
		return;
	}
	for (size_t i = 0; i < v->item_count; i++)
		untag(v->items[i]);
	for (size_t i = 0; i < v->entry_count; i++)
		untag(v->entries[i].value);
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
	untag(document);
	for (size_t i = 0; i < document->entry_count; i++) {
		toml_add_entry(&out, &document->entries[i]);
		strbuf_add_char(&out, '\n');
	}
	fputs(strbuf_text(&out), stdout);
	return 0;
}
