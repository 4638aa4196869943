#include "debian/sources.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workplace.h"
#include "debian/mirrors.h"
#include "io/process.h"
#include "recipe/database.h"

enum { SKELETON_TIMEOUT_MS = 60 * 1000, SOURCES_LIMIT_BYTES = 64 * 1024 };

const char *debian_architecture(const char *machine)
{
	static const char *const names[][2] = {{"x86_64", "amd64"},    {"aarch64", "arm64"}, {"armv7l", "armhf"},   {"i686", "i386"},
					       {"ppc64le", "ppc64el"}, {"s390x", "s390x"},   {"riscv64", "riscv64"}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(machine, names[i][0]))
			return names[i][1];
	}
	return machine;
}

static const char *joined_components(struct arena *a, const struct base *base)
{
	autostrbuf struct strbuf s = {0};

	strbuf_add(&s, "--components=");
	for (size_t i = 0; i < base->component_count; i++)
		strbuf_printf(&s, "%s%s", i ? "," : "", base->components[i]);
	return arena_strdup(a, strbuf_text(&s));
}

/* mmdebstrap knows where the suites of Debian and Ubuntu are; a tree without any package tells. */
static int ask_mmdebstrap(struct arena *a, const struct base *base, const char *folder, struct strbuf *out, struct error *err)
{
	const char *skeleton = path_join(a, folder, "tree");
	const char *const argv[] = {
		"mmdebstrap", "--quiet", "--variant=custom", "--skip=update,cleanup", "--format=directory", joined_components(a, base), base->suite,
		skeleton,     NULL};
	autoresult struct process_result result = {0};

	if (process_run_ok(&(struct process_spec){.argv = argv, .timeout_ms = SKELETON_TIMEOUT_MS}, &result, err) < 0)
		return -1;
	return file_read(path_join(a, skeleton, "etc/apt/sources.list"), SOURCES_LIMIT_BYTES, out, err);
}

static int sources_of_mmdebstrap(struct arena *a, const struct base *base, const char *const **ret, size_t *ret_count, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	const char *folder, **lines = NULL;
	size_t count = 0;

	if (workplace_make(a, workplace_temporary(), 0755, &folder, err) < 0)
		return -1;
	int failed = ask_mmdebstrap(a, base, folder, &text, err);

	workplace_drop(folder);
	if (failed)
		return -1;
	for (const char *line = strbuf_text(&text); *line;) {
		size_t length = strcspn(line, "\n");

		if (text_starts_with(line, "deb "))
			*arena_push(a, &lines, &count) = arena_strndup(a, line, length);
		line += length + (line[length] == '\n');
	}
	*ret = lines;
	*ret_count = count;
	return 0;
}

int sources_of_base(struct arena *a, const struct base *base, const char *const **ret, size_t *ret_count, struct error *err)
{
	const char **lines = NULL;
	size_t count = 0;

	if (mirrors_of_suite(a, base->suite, (const char *const *)base->components, base->component_count, &lines, &count, err) < 0)
		return error_wrap(err, "base '%s'", base->name);
	*ret = lines;
	*ret_count = count;
	if (!count && sources_of_mmdebstrap(a, base, ret, ret_count, err) < 0)
		return error_wrap(err, "base '%s': this machine's apt has no source for '%s'", base->name, base->suite);
	if (*ret_count)
		return 0;
	error_set(err, ERR_NOT_FOUND, "base '%s': neither this machine's apt nor mmdebstrap has a source for '%s'", base->name, base->suite);
	return error_hint(err, "add one below /etc/apt/sources.list.d/, or set LOCKSTEP_APT_MIRROR to an address");
}
