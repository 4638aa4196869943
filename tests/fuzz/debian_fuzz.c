/* A Packages file; the same bytes as a Debian package, as a tar archive, as one stanza, as an image's apt sources, and as what apt knows of users. */
#include "fuzz.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "debian/archives.h"
#include "debian/image_sources.h"
#include "debian/packages.h"
#include "io/archive.h"
#include "io/digest.h"
#include "memory_file.h"

static void check_record(const struct deb_record *r)
{
	FUZZ_CHECK(deb_is_name(r->name) && deb_is_version(r->version) && deb_is_architecture(r->architecture));
	FUZZ_CHECK(!r->path || (path_stays_inside(r->path) && path_is_plain_name(path_base(r->path))));
	FUZZ_CHECK(!r->sha256 || (digest_is_hex(r->sha256) && r->size_bytes));
}

static void try_stanza(struct arena *a, const char *text, bool listed)
{
	autoerror struct error err = {0};
	struct deb_record r;

	if (deb_record_read(a, text, listed, "x", &r, &err) == 0)
		check_record(&r);
	else
		FUZZ_CHECK(err.code == ERR_INPUT);
}

static void try_packages(struct arena *a, const char *path)
{
	autoerror struct error err = {0};
	struct packages *p = packages_new();
	const char *const *names;
	struct deb_record r;
	size_t count;

	if (packages_add(p, path, &err) == 0 && packages_names(p, a, &names, &count, &err) == 0) {
		for (size_t i = 0; i < count; i++)
			FUZZ_CHECK(deb_is_name(names[i]));
		if (count && packages_find(p, a, names[0], "amd64", "1", NULL, &r, &err) > 0)
			check_record(&r);
	}
	packages_free(p);
}

static void try_sources(struct arena *a, const char *text, bool stanzas)
{
	autoerror struct error err = {0};
	struct image_sources s = {.arena = a};

	if (image_sources_read(&s, "/etc/apt/x", text, stanzas, &err) < 0)
		FUZZ_CHECK(err.code == ERR_INPUT);
	/* They become words of lines. */
	for (size_t i = 0; i < s.count; i++) {
		FUZZ_CHECK(!strpbrk(s.items[i].address, " \t\r\n[]\"") && !strpbrk(s.items[i].suite, " \t\r\n[]\""));
		FUZZ_CHECK(!strpbrk(s.items[i].components, "\t\r\n[]\""));
		FUZZ_CHECK(!s.items[i].architectures || !strpbrk(s.items[i].architectures, " \t\r\n[]\""));
	}
}

static void try_archives(struct arena *a, const char *path)
{
	const struct archive_limits limits = {.member_max = 100, .file_limit_bytes = 1 << 16, .total_limit_bytes = 1 << 20};
	struct archive_member *members;
	size_t count;
	autoerror struct error err = {0};
	autostrbuf struct strbuf control = {0};

	if (archive_read_control(path, &control, &err) == 0)
		FUZZ_CHECK(strlen(strbuf_text(&control)) == control.length);
	else
		FUZZ_CHECK(err.code == ERR_INPUT);
	error_release(&err);
	FUZZ_CHECK(archive_check_names(path, &err) == 0 || err.code == ERR_INPUT);
	error_release(&err);
	FUZZ_CHECK(archive_read_tar(a, path, &limits, &members, &count, &err) == 0 || err.code == ERR_INPUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autofd int fd = memory_file(bytes, length);
	const char *path = arena_printf(&a, "/proc/self/fd/%d", fd), *text = arena_strndup(&a, (const char *)bytes, length);

	try_stanza(&a, text, true);
	try_stanza(&a, text, false);
	archives_with_user(&a, "https://a.example/debian/", text);
	try_packages(&a, path);
	try_sources(&a, text, false);
	try_sources(&a, text, true);
	try_archives(&a, path);
	return 0;
}
