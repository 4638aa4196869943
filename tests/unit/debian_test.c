/* Debian packages and archives as files: what a Packages file, a control file and a tar archive may say, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "debian/archives.h"
#include "debian/packages.h"
#include "io/archive.h"
#include "unit.h"

static void write_bytes(const char *name, const char *bytes, size_t length)
{
	struct error err = {0};

	assert_int_equal(file_write(name, bytes, length, &err), 0);
}

/* One member of a ustar archive. */
static void add_tar(struct strbuf *out, const char *name, char type, const char *link, const char *data)
{
	char header[512] = {0};
	unsigned sum = 0;

	snprintf(header, 100, "%s", name);
	snprintf(header + 100, 8, "0000644");
	snprintf(header + 108, 8, "0000000");
	snprintf(header + 116, 8, "0000000");
	snprintf(header + 124, 12, "%011o", (unsigned)strlen(data) & 0xffffffu);
	snprintf(header + 136, 12, "00000000000");
	memset(header + 148, ' ', 8);
	header[156] = type;
	snprintf(header + 157, 100, "%s", link);
	memcpy(header + 257, "ustar\0\060\060", 8);
	for (size_t i = 0; i < sizeof(header); i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	strbuf_add_bytes(out, header, sizeof(header));
	strbuf_add(out, data);
	strbuf_add_repeat(out, '\0', (512 - strlen(data) % 512) % 512);
}

static void end_tar(struct strbuf *out)
{
	strbuf_add_repeat(out, '\0', 1024);
}

static void add_ar(struct strbuf *out, const char *name, const char *data, size_t length)
{
	strbuf_printf(out, "%-16s%-12d%-6d%-6d%-8d%-10zu`\n", name, 0, 0, 0, 100644, length);
	strbuf_add_bytes(out, data, length);
	if (length % 2)
		strbuf_add_char(out, '\n');
}

static void write_deb(const char *path, const char *control_name, const char *control)
{
	struct strbuf tar = {0}, deb = {0};

	add_tar(&tar, "./", '5', "", "");
	add_tar(&tar, control_name, '0', "", control);
	end_tar(&tar);
	strbuf_add(&deb, "!<arch>\n");
	add_ar(&deb, "debian-binary", "2.0\n", 4);
	add_ar(&deb, "control.tar", tar.text, tar.length);
	add_ar(&deb, "data.tar", tar.text, tar.length);
	write_bytes(path, deb.text, deb.length);
	strbuf_release(&tar);
	strbuf_release(&deb);
}

TEST(a_control_file_is_read_out_of_a_package)
{
	struct strbuf text = {0};
	struct error err = {0};

	write_deb("a.deb", "./control", "Package: a\nVersion: 1\n");
	assert_int_equal(archive_read_control("a.deb", &text, &err), 0);
	assert_string_equal(strbuf_text(&text), "Package: a\nVersion: 1\n");
	write_deb("b.deb", "./other", "Package: a\n");
	assert_int_equal(archive_read_control("b.deb", &text, &err), -1);
	assert_non_null(strstr(err.text, "'b.deb' is no Debian package: it has no 'control'"));
	write_bytes("c.deb", "!<arch>\nnonsense", 16);
	assert_int_equal(archive_read_control("c.deb", &text, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	write_bytes("d.deb", "", 0);
	assert_int_equal(archive_read_control("d.deb", &text, &err), -1);
	assert_int_equal(archive_read_control("none.deb", &text, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	error_release(&err);
	strbuf_release(&text);
}

TEST(a_cut_package_is_refused_wherever_it_is_cut)
{
	struct strbuf whole = {0}, text = {0};
	struct error err = {0};

	write_deb("a.deb", "./control", "Package: a\nVersion: 1\n");
	assert_int_equal(file_read("a.deb", 1 << 20, &whole, &err), 0);
	for (size_t length = 0; length < 1600 && length < whole.length; length += 37) {
		write_bytes("cut.deb", whole.text, length);
		strbuf_clear(&text);
		if (archive_read_control("cut.deb", &text, &err) == 0)
			assert_string_equal(strbuf_text(&text), "Package: a\nVersion: 1\n");
		else
			assert_int_equal(err.code, ERR_INPUT);
	}
	error_release(&err);
	strbuf_release(&whole);
	strbuf_release(&text);
}

static int check_tar(const char *name, char type, const char *link, struct error *err)
{
	struct strbuf tar = {0};

	add_tar(&tar, "top/", '5', "", "");
	add_tar(&tar, name, type, link, "");
	end_tar(&tar);
	write_bytes("x.tar", tar.text, tar.length);
	strbuf_release(&tar);
	return archive_check_names("x.tar", err);
}

TEST(an_archive_stays_in_its_folder)
{
	struct error err = {0};

	assert_int_equal(check_tar("top/bin/tool", '0', "", &err), 0);
	assert_int_equal(check_tar("./top/..tool..", '0', "", &err), 0);
	assert_int_equal(check_tar("top/link", '2', "/usr/lib", &err), 0);
	assert_int_equal(check_tar("top/hard", '1', "top/bin", &err), 0);
	assert_int_equal(check_tar("/etc/passwd", '0', "", &err), -1);
	assert_non_null(strstr(err.text, "has a member '/etc/passwd' that leaves its folder"));
	assert_int_equal(check_tar("top/../../etc", '0', "", &err), -1);
	assert_int_equal(check_tar("..", '5', "", &err), -1);
	assert_int_equal(check_tar("top/hard", '1', "../../etc/shadow", &err), -1);
	assert_non_null(strstr(err.text, "has a link 'top/hard' that leaves its folder, to '../../etc/shadow'"));
	assert_int_equal(check_tar("top/device", '3', "", &err), -1);
	assert_non_null(strstr(err.text, "neither file, folder nor link"));
	write_bytes("x.tar", "this is no archive", 18);
	assert_int_equal(archive_check_names("x.tar", &err), -1);
	assert_non_null(strstr(err.text, "is no tar archive"));
	error_release(&err);
}

TEST(packages_are_found_by_name_architecture_version_and_digest)
{
	static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct packages *p = packages_new();
	struct arena a = {0};
	struct error err = {0};
	struct deb_record r;
	const char *const *names;
	size_t count;
	char *text = arena_printf(&a,
				  "Package: a\nVersion: 1\nArchitecture: amd64\nFilename: ./pool/a_1.deb\nSize: 5\nSHA256: %s\n\n"
				  "Package: b\nDescription: two\n lines\nVersion: 2~x\nArchitecture: all\nFilename: pool/b.deb\nSize: 6\nSHA256: %s\n\n"
				  "Package: a\nVersion: 2\nArchitecture: amd64\nFilename: pool/a_2.deb\nSize: 7\nSHA256: %s",
				  sha, sha, sha);

	write_bytes("Packages", text, strlen(text));
	assert_int_equal(packages_add(p, "Packages", &err), 0);
	assert_int_equal(packages_find(p, &a, "a", "amd64", "2", NULL, &r, &err), 1);
	assert_string_equal(r.path, "pool/a_2.deb");
	assert_int_equal(r.size_bytes, 7);
	assert_int_equal(packages_find(p, &a, "a", "amd64", "1", sha, &r, &err), 1);
	assert_string_equal(r.path, "pool/a_1.deb");
	assert_int_equal(packages_find(p, &a, "b", "all", "2~x", NULL, &r, &err), 1);
	assert_int_equal(packages_find(p, &a, "b", "amd64", "2~x", NULL, &r, &err), 0);
	assert_int_equal(packages_find(p, &a, "a", "amd64", "3", NULL, &r, &err), 0);
	assert_int_equal(packages_find(p, &a, "a", "amd64", "1", "00", &r, &err), 0);
	assert_int_equal(packages_names(p, &a, &names, &count, &err), 0);
	assert_int_equal(count, 2);
	packages_free(p);
	arena_release(&a);
}

TEST(what_no_archive_says_is_refused)
{
	static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const char *const wrong[][2] = {
		{"Package", "../a"},
		{"Package", "A"},
		{"Version", "x1"},
		{"Version", "1 2"},
		{"Architecture", "amd64/.."},
		{"Filename", "../a.deb"},
		{"Filename", "/a.deb"},
		{"Filename", "a/../b.deb"},
		{"Filename", "a.rpm"},
		{"Filename", "a b.deb"},
		{"Filename", "a\\b.deb"},
		{"Size", "-1"},
		{"Size", "0"},
		{"Size", "1e9"},
		{"SHA256", "00"},
	};
	struct arena a = {0};
	struct error err = {0};
	struct deb_record r;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *fields[][2] = {{"Package", "a"},           {"Version", "1"}, {"Architecture", "amd64"},
					   {"Filename", "pool/a.deb"}, {"Size", "5"},    {"SHA256", sha}};
		const char *text = "";

		for (size_t k = 0; k < 6; k++)
			text = arena_printf(&a, "%s%s: %s\n", text, fields[k][0], !strcmp(fields[k][0], wrong[i][0]) ? wrong[i][1] : fields[k][1]);
		if (deb_record_read(&a, text, true, "x", &r, &err) == 0)
			fail_msg("%s: %s was taken", wrong[i][0], wrong[i][1]);
		assert_int_equal(err.code, ERR_INPUT);
	}
	error_release(&err);
	arena_release(&a);
}

TEST(users_of_archives_are_those_of_apt)
{
	static const char auth[] = "machine https://a.example/debian login u password p:w@\nmachine b.example\n login v\n password q\n";
	struct arena a = {0};

	assert_string_equal(archives_with_user(&a, "https://a.example/debian/", auth), "https://u:p%3Aw%40@a.example/debian/");
	assert_string_equal(archives_with_user(&a, "https://a.example/debianx/", auth), "https://a.example/debianx/");
	assert_string_equal(archives_with_user(&a, "http://a.example/debian/", auth), "http://a.example/debian/");
	assert_string_equal(archives_with_user(&a, "https://b.example:8443/x", auth), "https://v:q@b.example:8443/x");
	assert_string_equal(archives_with_user(&a, "http://b.example/x", auth), "http://b.example/x");
	assert_string_equal(archives_with_user(&a, "file:/srv/mirror", auth), "file:/srv/mirror");
	arena_release(&a);
}
