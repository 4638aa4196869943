#include "image/reference.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "io/digest.h"

enum { TAG_MAX_BYTES = 128, REPOSITORY_MAX_BYTES = 255 };

/* Lower-case letters and digits, parted by '.', one or two '_', or any number of '-'. */
static bool is_component(const char *text, size_t length)
{
	bool was_word = false;

	for (size_t i = 0; i < length;) {
		if (islower((unsigned char)text[i]) || isdigit((unsigned char)text[i])) {
			was_word = true;
			i++;
			continue;
		}
		size_t run = 0;

		while (i + run < length && text[i + run] == text[i])
			run++;
		size_t limit = text[i] == '.' ? 1 : text[i] == '_' ? 2 : text[i] == '-' ? length : 0;

		if (!was_word || run > limit)
			return false;
		was_word = false;
		i += run;
	}
	return was_word;
}

bool image_repository_is_valid(const char *text)
{
	if (strlen(text) > REPOSITORY_MAX_BYTES)
		return false;
	for (;; text++) {
		size_t length = strcspn(text, "/");

		if (!is_component(text, length))
			return false;
		text += length;
		if (!*text)
			return true;
	}
}

bool image_tag_is_valid(const char *text)
{
	if (!isalnum((unsigned char)*text) && *text != '_')
		return false;
	return strlen(text) <= TAG_MAX_BYTES && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")] == '\0';
}

bool image_digest_is_valid(const char *text)
{
	return text_starts_with(text, "sha256:") && digest_is_hex(text + strlen("sha256:"));
}

static bool is_host(const char *text)
{
	const char *port = text[0] == '[' ? strstr(text, "]:") : strchr(text, ':');

	if (text[0] == '[') {
		const char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':') || strspn(text + 1, "0123456789abcdefABCDEF:.") != (size_t)(end - text - 1))
			return false;
		port = port ? port + 1 : NULL;
	} else {
		size_t length = port ? (size_t)(port - text) : strlen(text);

		if (!length || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") < length || text[0] == '-' || text[0] == '.')
			return false;
	}
	return !port || (port[1] && strlen(port + 1) <= 5 && strspn(port + 1, "0123456789") == strlen(port + 1));
}

/* A first part is a host when nothing else can be: it has a '.' or a ':', or it is localhost. */
static bool looks_like_host(const char *text)
{
	return strpbrk(text, ".:[") || !strcmp(text, "localhost");
}

bool image_reference_parse(struct arena *a, const char *text, struct image_reference *ret, const char **ret_why)
{
	struct image_reference r = {0};
	char *rest = arena_strdup(a, text), *at = strchr(rest, '@'), *slash, *colon;

	if (at) {
		*at = '\0';
		r.digest = at + 1;
		if (!image_digest_is_valid(r.digest)) {
			*ret_why = "what stands behind '@' is no digest ('sha256:' and 64 hexadecimal digits)";
			return false;
		}
	}
	slash = strchr(rest, '/');
	if (slash) {
		*slash = '\0';
		if (looks_like_host(rest)) {
			r.registry = rest;
			rest = slash + 1;
		} else {
			*slash = '/';
		}
	}
	colon = strrchr(rest, ':');
	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		r.tag = colon + 1;
	}
	r.repository = rest;
	if (!r.registry)
		*ret_why = "it does not say which registry ('host/repository' or 'host:port/repository')";
	else if (!is_host(r.registry))
		*ret_why = "its registry is no 'host' or 'host:port'";
	else if (!image_repository_is_valid(r.repository))
		*ret_why = "its repository may have lower-case letters, digits, '.', '_', '-' and '/' only";
	else if (r.tag && !image_tag_is_valid(r.tag))
		*ret_why = "its tag may have letters, digits, '.', '_' and '-' only, 128 at most, and begins with none of the last two";
	else {
		*ret = r;
		return true;
	}
	return false;
}

const char *image_reference_text(struct arena *a, const struct image_reference *r)
{
	return arena_printf(a, "%s/%s%s%s%s%s", r->registry, r->repository, r->tag ? ":" : "", r->tag ? r->tag : "", r->digest ? "@" : "",
			    r->digest ? r->digest : "");
}
