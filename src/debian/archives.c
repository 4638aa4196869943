#include "debian/archives.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "debian/access.h"
#include "debian/image.h"
#include "debian/sources.h"
#include "lock/lock.h"
#include "recipe/database.h"

enum { AUTH_LIMIT_BYTES = 1024 * 1024 };

/* ---- users and passwords ---- */

static const char *next_word(struct arena *a, const char **at)
{
	*at += strspn(*at, " \t\r\n");
	size_t length = strcspn(*at, " \t\r\n");
	const char *word = length ? arena_strndup(a, *at, length) : NULL;

	*at += length;
	return word;
}

/* "[scheme://]host[:port][/path]"; without a scheme it is meant for https. */
static bool is_meant_for(const char *machine, const char *address)
{
	const char *scheme = strstr(machine, "://"), *rest = strstr(address, "://");
	size_t length;

	if (!rest)
		return false;
	rest += 3;
	if (scheme) {
		if (strncmp(machine, address, (size_t)(scheme + 3 - machine)) != 0)
			return false;
		machine = scheme + 3;
	} else if (!text_starts_with(address, "https://")) {
		return false;
	}
	length = strlen(machine);
	while (length && machine[length - 1] == '/')
		length--;
	return length && !strncmp(machine, rest, length) && (!rest[length] || rest[length] == '/' || (rest[length] == ':' && !memchr(machine, ':', length)));
}

static void add_encoded(struct strbuf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._~", *p))
			strbuf_add_char(out, *p);
		else
			strbuf_printf(out, "%%%02X", (unsigned char)*p);
	}
}

static const char *with_user(struct arena *a, const char *address, const char *user, const char *password)
{
	const char *host = strstr(address, "://") + 3;
	autostrbuf struct strbuf out = {0};

	strbuf_add_bytes(&out, address, (size_t)(host - address));
	add_encoded(&out, user);
	if (password) {
		strbuf_add_char(&out, ':');
		add_encoded(&out, password);
	}
	strbuf_printf(&out, "@%s", host);
	return arena_strdup(a, strbuf_text(&out));
}

const char *archives_with_user(struct arena *a, const char *address, const char *auth)
{
	const char *word, *user = NULL, *password = NULL;
	bool counts = false;

	for (const char *at = auth; (word = next_word(a, &at));) {
		if (!strcmp(word, "machine")) {
			if (counts && user)
				break;
			word = next_word(a, &at);
			counts = word && is_meant_for(word, address);
			user = password = NULL;
		} else if (!strcmp(word, "login")) {
			user = next_word(a, &at);
		} else if (!strcmp(word, "password")) {
			password = next_word(a, &at);
		}
	}
	return counts && user ? with_user(a, address, user, password) : address;
}

/* ---- addresses ---- */

/* "http://host/debian" of "deb [signed-by=...] http://host/debian bookworm main". */
static const char *address_of(struct arena *a, const char *line)
{
	const char *at = line + strcspn(line, " ");

	at += strspn(at, " ");
	if (*at == '[') {
		at += strcspn(at, "]");
		at += *at == ']';
		at += strspn(at, " ");
	}
	return arena_strndup(a, at, strcspn(at, " "));
}

static void add_address(struct arena *a, const char *address, const char ***list, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		if (!strcmp((*list)[i], address))
			return;
	}
	if (*address)
		*arena_push(a, list, count) = address;
}

/* A container of the lock stands on it, and installs something there. */
static bool is_installed_on(const struct lock *lock, const struct base *base)
{
	size_t length = strlen(base->name);

	for (size_t i = 0; i < lock->container_count; i++) {
		const char *debian = lock->containers[i].debian;

		if (debian && !strncmp(debian, base->name, length) && debian[length] == ' ')
			return true;
	}
	return false;
}

static void add_lines(struct arena *a, const char *const *lines, size_t line_count, const char *auth, const char ***list, size_t *count)
{
	for (size_t i = 0; i < line_count; i++)
		add_address(a, archives_with_user(a, address_of(a, lines[i]), auth), list, count);
}

static int add_image(struct arena *a, const struct base *base, const struct image_asking *asking, const char *auth, const char ***list, size_t *count,
		     const char **why, struct error *err)
{
	autoerror struct error why_not = {0};
	struct image image;

	if (image_read(a, base, asking, &image, &why_not) == 0) {
		add_lines(a, image.sources, image.source_count, auth, list, count);
		return 0;
	}
	if (why_not.code != ERR_CANCELLED) {
		*why = arena_strdup(a, why_not.text);
		return 0;
	}
	error_move(err, &why_not);
	return -1;
}

int archives_of_bases(struct arena *a, const struct database *db, const struct lock *lock, const struct access *access, const struct image_asking *asking,
		      const char *const **ret, const char **ret_why, struct error *err)
{
	autostrbuf struct strbuf auth = {0};
	const char **list = NULL, *why = NULL;
	size_t count = 0;

	if (access->auth_file && file_read(access->auth_file, AUTH_LIMIT_BYTES, &auth, err) < 0)
		return -1;
	for (size_t i = 0; i < db->base_count; i++) {
		const struct base *base = &db->bases[i];
		const char *const *lines;
		size_t line_count;

		if (base->source == BASE_IMAGE) {
			if (is_installed_on(lock, base) && add_image(a, base, asking, strbuf_text(&auth), &list, &count, &why, err) < 0)
				return -1;
			continue;
		}
		if (sources_of_base(a, base, &lines, &line_count, err) < 0)
			return -1;
		add_lines(a, lines, line_count, strbuf_text(&auth), &list, &count);
	}
	*arena_push(a, &list, &count) = NULL;
	*ret = list;
	*ret_why = why;
	return 0;
}
