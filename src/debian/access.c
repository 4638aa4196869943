#include "debian/access.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "debian/mirrors.h"
#include "base/workplace.h"
#include "io/process.h"

#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"
#define HTTPS "Acquire::https::"

/* A secret of BuildKit's has at most 500 KiB. */
enum { CA_LIMIT_BYTES = 490 * 1024, AUTH_LIMIT_BYTES = 256 * 1024, ASK_TIMEOUT_MS = 60000 };

struct certificates {
	const char **files;
	size_t count;
};

static int ask_config(const char *const *argv, struct process_result *ret, struct error *err)
{
	if (process_run_ok(&(struct process_spec){.argv = argv, .timeout_ms = ASK_TIMEOUT_MS}, ret, err) < 0)
		return error_wrap(err, "cannot learn apt's settings");
	return 0;
}

static int write_private(const struct access *x, const char *path, const char *text, size_t length, struct error *err)
{
	/* file_write() keeps the mode of what was there. */
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "cannot write into '%s'", x->folder);
	return file_write(path, text, length, err);
}

static int need_folder(struct arena *a, struct access *x, struct error *err)
{
	/* Others may go through to the certificates, which apt reads as a user of its own. */
	return x->folder ? 0 : workplace_make(a, workplace_temporary(), 0711, &x->folder, err);
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/* ---- certificates ---- */

static void add_certificates(struct arena *a, struct certificates *c, const char *file)
{
	if (!file || file_size(file) <= 0)
		return;
	for (size_t i = 0; i < c->count; i++) {
		if (text_equal(c->files[i], file))
			return;
	}
	*arena_push(a, &c->files, &c->count) = arena_strdup(a, file);
}

/* Lines "Acquire::https::[HOST::]NAME "VALUE";" of `dump`. Proxies are left out: they reach children by their environment. *ret_all: apt names what it trusts
   everywhere. */
static void read_https(struct arena *a, const char *dump, struct strbuf *conf, struct certificates *named, bool *ret_all)
{
	*ret_all = false;
	for (const char *line = dump; *line; line = next_line(line)) {
		const char *name = arena_strndup(a, line, strcspn(line, " \n")), *value = line + strlen(name);
		size_t length = strcspn(value, "\n");

		if (!text_starts_with(name, HTTPS) || length <= strlen(" \"\";") || strcasestr(name, "proxy"))
			continue;
		strbuf_printf(conf, "%s%.*s\n", name, (int)length, value);
		if (!text_ends_with(name, "::CAInfo"))
			continue;
		add_certificates(a, named, arena_strndup(a, value + 2, length - strlen(" \"\";")));
		*ret_all |= text_equal(name, HTTPS "CAInfo");
	}
}

static int join_certificates(struct arena *a, struct access *x, const struct certificates *c, struct error *err)
{
	autostrbuf struct strbuf all = {0};
	int64_t size_bytes = 0;

	for (size_t i = 0; i < c->count; i++)
		size_bytes += file_size(c->files[i]) + 1;
	x->ca_file = c->count ? c->files[0] : NULL;
	if (c->count < 2 || size_bytes > CA_LIMIT_BYTES)
		return 0;
	for (size_t i = 0; i < c->count; i++) {
		if (file_read(c->files[i], CA_LIMIT_BYTES, &all, err) < 0)
			return -1;
		strbuf_add_char(&all, '\n');
	}
	if (need_folder(a, x, err) < 0)
		return -1;
	x->ca_file = path_join(a, x->folder, "ca.pem");
	return file_write_derived(x->ca_file, strbuf_text(&all), all.length, err);
}

static int find_certificates(struct arena *a, const char *ca_file, struct access *x, struct error *err)
{
	static const char *const argv[] = {"apt-config", "dump", "--format", "%f \"%v\";%n", "Acquire::https", NULL};
	autoresult struct process_result result = {0};
	autostrbuf struct strbuf conf = {0};
	struct certificates c = {0};
	bool all;

	if (ask_config(argv, &result, err) < 0)
		return -1;
	read_https(a, strbuf_text(&result.out), &conf, &c, &all);
	bool given = !all && ca_file && file_size(ca_file) > 0;

	if (given)
		add_certificates(a, &c, ca_file);
	if (!all)
		add_certificates(a, &c, SYSTEM_CA);
	if (join_certificates(a, x, &c, err) < 0)
		return -1;
	if (given)
		strbuf_printf(&conf, HTTPS "CAInfo \"%s\";\n", x->ca_file);
	if (!conf.length)
		return 0;
	if (need_folder(a, x, err) < 0)
		return -1;
	x->apt_conf = path_join(a, x->folder, "apt.conf");
	return file_write_derived(x->apt_conf, strbuf_text(&conf), conf.length, err);
}

/* ---- users and passwords ---- */

/* What cannot be read is not there, as for apt. */
static void add_auth(const char *path, struct strbuf *out)
{
	autoerror struct error ignored = {0};
	autostrbuf struct strbuf text = {0};

	if (file_read(path, AUTH_LIMIT_BYTES, &text, &ignored) == 0 && text.length)
		strbuf_printf(out, "%s\n", strbuf_text(&text));
}

static void add_auth_folder(struct arena *a, const char *folder, struct strbuf *out)
{
	autoerror struct error ignored = {0};
	char **names;
	size_t count;

	if (file_list(a, folder, &names, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (text_ends_with(names[i], ".conf"))
			add_auth(path_join(a, folder, names[i]), out);
	}
}

/* "FILE='/etc/apt/auth.conf'" */
static const char *assigned(struct arena *a, const char *text, const char *variable)
{
	const char *start = arena_printf(a, "%s='", variable);

	for (const char *line = text; *line; line = next_line(line)) {
		if (text_starts_with(line, start))
			return arena_strndup(a, line + strlen(start), strcspn(line + strlen(start), "'\n"));
	}
	return "";
}

static int find_auth(struct arena *a, struct access *x, struct error *err)
{
	static const char *const argv[] = {"apt-config", "shell", "FILE", "Dir::Etc::netrc/f", "FOLDER", "Dir::Etc::netrcparts/d", NULL};
	autoresult struct process_result result = {0};
	autostrbuf struct strbuf text = {0};

	if (mirrors_add_credentials(a, &text, err) < 0 || ask_config(argv, &result, err) < 0)
		return -1;
	add_auth(assigned(a, strbuf_text(&result.out), "FILE"), &text);
	add_auth_folder(a, assigned(a, strbuf_text(&result.out), "FOLDER"), &text);
	if (!text.length)
		return 0;
	if (need_folder(a, x, err) < 0)
		return -1;
	x->auth_file = path_join(a, x->folder, "auth.conf");
	return write_private(x, x->auth_file, strbuf_text(&text), text.length, err);
}

int access_open(struct arena *a, const char *ca_file, struct access *ret, struct error *err)
{
	autoerror struct error why_not = {0};
	struct access x = {0};

	if (mirrors_environment(a, &x.proxies, &why_not) == 0 && find_certificates(a, ca_file, &x, &why_not) == 0 && find_auth(a, &x, &why_not) == 0) {
		*ret = x;
		return 0;
	}
	access_close(&x);
	if (why_not.code != ERR_NOT_FOUND) {
		error_move(err, &why_not);
		return -1;
	}
	*ret = (struct access){.ca_file = ca_file && file_size(ca_file) > 0 ? arena_strdup(a, ca_file) : NULL};
	return 0;
}

void access_close(struct access *x)
{
	workplace_drop(x->folder);
	*x = (struct access){0};
}
