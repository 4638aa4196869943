/* release.json: refused with an error, or read; what was read is written and read again as the same bytes. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "release/release_text.h"

static void must_hold(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}
#define must(condition) must_hold(condition, #condition)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct release release = {0}, again = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf first = {0}, second = {0};
	int result = release_json_parse(&release, "release.json", (const char *)bytes, length, &err);

	must((result < 0) == error_is_set(&err));
	if (!result) {
		release_json_write(&release, &first);
		must(!release_json_parse(&again, "again.json", first.text, first.length, &err));
		release_json_write(&again, &second);
		must(first.length == second.length && !memcmp(first.text, second.text, first.length));
	}
	release_free(&release);
	release_free(&again);
	return 0;
}
