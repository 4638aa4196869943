/* A wheel file; the same bytes as metadata, as a wheel's name, and line by line as what a platform is. */
#include "fuzz.h"

#include <string.h>
#include "base/alloc.h"
#include "memory_file.h"
#include "python/name.h"
#include "python/version.h"
#include "python/wheel.h"

static void check_metadata(struct arena *a, const struct wheel_metadata *m)
{
	struct version *v = version_parse(a, m->version);

	FUZZ_CHECK(name_is_valid(m->name) && v && !strcmp(m->version, version_normal(a, v)));
	for (size_t i = 1; i < m->provides_extra_count; i++)
		FUZZ_CHECK(strcmp(m->provides_extra[i - 1], m->provides_extra[i]) < 0);
}

/* Python, implementation, machine, C library and its version, each on a line. */
static void try_platform(struct arena *a, char *text)
{
	const char *lines[5] = {"", "", "", "", ""}, **tags;
	size_t count;

	for (size_t i = 0; i < 5 && text; i++)
		lines[i] = strsep(&text, "\n");
	wheel_tags(a, &(struct wheel_platform){lines[0], lines[1], lines[2], lines[3], lines[4]}, &tags, &count);
	FUZZ_CHECK(count && strstr(tags[count - 1], "-none-any"));
}

static void try_file(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autofd int fd = memory_file(bytes, length);
	struct wheel_metadata m;

	if (!wheel_metadata_read(&a, arena_printf(&a, "/proc/self/fd/%d", fd), &m, &err))
		check_metadata(&a, &m);
	else
		FUZZ_CHECK(err.code == ERR_INPUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct wheel_metadata m;
	struct wheel_name name;

	if (!wheel_metadata_parse(&a, (const char *)bytes, length, &m, &err))
		check_metadata(&a, &m);
	if (wheel_name_parse(&a, arena_strndup(&a, (const char *)bytes, length), &name))
		FUZZ_CHECK(name.tag_count && *name.name && version_parse(&a, name.version));
	try_platform(&a, arena_strndup(&a, (const char *)bytes, length));
	try_file(bytes, length);
	return 0;
}
