/* A lock: refused with problems, or read; what was read is written and read again as the same bytes. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lock/lock_text.h"

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
	struct lock lock = {0}, again = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf first = {0}, second = {0};
	int result = lock_parse(&lock, "fuzz.toml", (const char *)bytes, length, &d, &err);

	must((result < 0) == (d.error_count > 0));
	if (!result) {
		lock_write(&lock, &first);
		must(!lock_parse(&again, "again.toml", first.text, first.length, &d, &err));
		lock_write(&again, &second);
		must(first.length == second.length && !memcmp(first.text, second.text, first.length));
	}
	lock_release(&lock);
	lock_release(&again);
	return 0;
}
