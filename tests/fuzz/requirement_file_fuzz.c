/* A requirement file in which every file that is named is the rest of the input after a line of "===". */
#include "fuzz.h"

#include <string.h>

#include "python/requirement_file.h"

struct input {
	const char *first, *second;
	size_t first_length, second_length;
	unsigned opened;
};

static int open_part(void *context, const char *place, struct strbuf *out, bool *ret_decoded, struct error *err)
{
	struct input *input = context;

	if (input->opened++ > 200)
		return error_set(err, ERR_FAILED, "enough");
	if (input->opened == 1)
		strbuf_add_bytes(out, input->first, input->first_length);
	else
		strbuf_add_bytes(out, input->second, input->second_length);
	*ret_decoded = *place != '/';
	return 0;
}

static const char *variable(void *context __attribute__((unused)), const char *name)
{
	return strlen(name) == 1 ? "value ${A} --pre" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const char mark[] = "\n===\n";
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	const char *text = (const char *)bytes, *found = memmem(bytes, length, mark, strlen(mark));
	struct input input = {.first = text, .first_length = found ? (size_t)(found - text) : length};

	if (found) {
		input.second = found + strlen(mark);
		input.second_length = length - input.first_length - strlen(mark);
	}
	struct requirement_source source = {open_part, length % 2 ? variable : NULL, &input, "/p"};
	struct requirement_file *f = requirement_file_read(&a, "r.txt", length % 3, &source, &d);

	FUZZ_CHECK((f != NULL) == !d.error_count);
	for (size_t i = 0; f && i < f->line_count; i++) {
		const struct requirement_line *line = &f->lines[i];

		FUZZ_CHECK(line->pos.line && line->pos.file && (line->text || !line->requirement));
		FUZZ_CHECK(!line->is_editable || line->options.editables.count);
		for (size_t k = 0; k < line->options.hash_count; k++)
			FUZZ_CHECK(line->options.hashes[k].digests.count);
	}
	return 0;
}
