#include "debian/archives.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "debian/access.h"
#include "debian/sources.h"
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

int archives_of_bases(struct arena *a, const struct database *db, const struct access *access, const char *const **ret, struct error *err)
{
	autostrbuf struct strbuf auth = {0};
	const char **list = NULL;
	size_t count = 0;

	if (access->auth_file && file_read(access->auth_file, AUTH_LIMIT_BYTES, &auth, err) < 0)
		return -1;
	for (size_t i = 0; i < db->base_count; i++) {
		const char *const *lines;
		size_t line_count;

		if (db->bases[i].source != BASE_MMDEBSTRAP)
			continue;
		if (sources_of_base(a, &db->bases[i], &lines, &line_count, err) < 0)
			return -1;
		for (size_t k = 0; k < line_count; k++)
			add_address(a, archives_with_user(a, address_of(a, lines[k]), strbuf_text(&auth)), &list, &count);
	}
	*arena_push(a, &list, &count) = NULL;
	*ret = list;
	return 0;
}
