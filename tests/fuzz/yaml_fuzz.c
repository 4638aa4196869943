/* Any bytes are read as YAML or refused with a problem that has a place in them; what was read keeps io/yaml.h's promises. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/yaml.h"

struct seen {
	const char *text;
	size_t length, line_count, node_count;
	bool has_problems;
};

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void check_pos(const struct seen *s, struct pos at)
{
	must(at.line >= 1 && at.line <= s->line_count && at.column >= 1 && at.column <= s->length + 1, "a place is in the file");
}

static void check_value(struct seen *s, const struct value *v, unsigned depth)
{
	must(depth <= YAML_LIMIT_DEPTH + 1 && ++s->node_count <= YAML_LIMIT_NODES, "the limits");
	check_pos(s, v->pos);
	switch (v->kind) {
	case VALUE_NULL:
		must(s->has_problems, "nothing is dropped without a word");
		break;
	case VALUE_TEXT:
		must(v->text && strlen(v->text) == v->text_length, "texts end where they say");
		break;
	case VALUE_ARRAY:
		for (size_t i = 0; i < v->item_count; i++)
			check_value(s, v->items[i], depth + 1);
		break;
	case VALUE_TABLE:
		for (size_t i = 0; i < v->entry_count; i++) {
			const struct value_entry *entry = &v->entries[i];

			must(strlen(entry->key) == entry->key_length, "keys end where they say");
			check_pos(s, entry->key_pos);
			must(value_get(v, entry->key) == entry->value, "a key is there once");
			check_value(s, entry->value, depth + 1);
		}
		break;
	default:
		must(false, "only texts, lists and tables");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	struct value *v = yaml_parse(&a, "fuzz.yaml", (const char *)bytes, length, &d);
	struct seen s = {(const char *)bytes, length, 1, 0, d.problem_count > 0};
	char *printed = NULL;
	size_t printed_length = 0;

	for (size_t i = 0; i < length; i++)
		s.line_count += bytes[i] == '\n';
	if (v)
		check_value(&s, v, 0);
	else
		must(d.error_count > 0, "what is refused is refused with a reason");
	for (size_t i = 0; i < d.problem_count; i++) {
		if (d.problems[i].pos.line)
			check_pos(&s, d.problems[i].pos);
	}
	FILE *out = open_memstream(&printed, &printed_length);

	diag_print(&d, out);
	fclose(out);
	for (size_t i = 0; i < printed_length; i++)
		must(printed[i] == '\n' || printed[i] == '\t' || (unsigned char)printed[i] >= 0x20, "no control byte is printed");
	free(printed);
	return 0;
}
