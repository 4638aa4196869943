/* A pylock.toml: what is written of it reads as the same lock, sorting is done once and for all, and choosing ends. */
#include "fuzz.h"

#include <string.h>

#include "io/toml.h"
#include "python/pylock.h"

static const struct marker_environment environment = {"cpython", "3.11.2", "posix", "x86_64", "CPython", "", "Linux", "", "3.11.2+", "3.11", "linux"};

static struct pylock *read_lock(struct arena *a, const char *text, size_t length)
{
	autodiag struct diag d = {0};
	const struct value *document = toml_parse(a, "fuzz.toml", text, length, &d);
	struct pylock *lock = document ? pylock_read(a, document, &d) : NULL;

	FUZZ_CHECK((lock != NULL) == !d.error_count);
	return lock;
}

static void try_selection(struct arena *a, const struct pylock *lock)
{
	static const char *const tags[] = {"cp311-cp311-linux_x86_64", "py3-none-any"};
	struct pylock_target target = {.environment = &environment, .tags = tags, .tag_count = 2, .extras = {lock->extras.items, lock->extras.count}};
	autoerror struct error err = {0};
	struct pylock_choice *choices;
	size_t count = 0;

	if (pylock_select(a, lock, &target, &choices, &count, &err))
		FUZZ_CHECK(error_is_set(&err));
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(choices[i].package->name && (choices[i].file || choices[i].source < PYLOCK_ARCHIVE));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf first = {0}, second = {0};
	struct pylock *lock = read_lock(&a, (const char *)bytes, length);

	if (!lock)
		return 0;
	try_selection(&a, lock);
	pylock_write(&first, lock);
	lock = read_lock(&a, strbuf_text(&first), first.length);
	FUZZ_CHECK(lock);
	pylock_write(&second, lock);
	FUZZ_CHECK(!strcmp(strbuf_text(&first), strbuf_text(&second)));

	pylock_sort(lock);
	strbuf_clear(&first);
	pylock_write(&first, lock);
	lock = read_lock(&a, strbuf_text(&first), first.length);
	FUZZ_CHECK(lock);
	pylock_sort(lock);
	strbuf_clear(&second);
	pylock_write(&second, lock);
	FUZZ_CHECK(!strcmp(strbuf_text(&first), strbuf_text(&second)));
	return 0;
}
