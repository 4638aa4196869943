#include "registry/challenge.h"

#include <string.h>
#include <strings.h>

#include "base/strbuf.h"

static const char token_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

/* A token or a quoted text. */
static const char *read_value(struct arena *a, const char **at)
{
	autostrbuf struct strbuf text = {0};

	if (**at != '"') {
		size_t length = strspn(*at, token_letters);
		const char *value = arena_strndup(a, *at, length);

		*at += length;
		return value;
	}
	for (++*at; **at && **at != '"'; ++*at) {
		if (**at == '\\' && (*at)[1])
			++*at;
		strbuf_add_char(&text, **at);
	}
	*at += **at == '"';
	return arena_strdup(a, strbuf_text(&text));
}

static void set_parameter(struct challenge *c, const char *name, const char *value)
{
	if (!strcasecmp(name, "realm"))
		c->realm = value;
	else if (!strcasecmp(name, "service"))
		c->service = value;
	else if (!strcasecmp(name, "scope"))
		c->scope = value;
	else if (!strcasecmp(name, "error"))
		c->error = value;
}

static void settle(const struct challenge *seen, struct challenge *ret)
{
	if (seen->kind > ret->kind && (seen->kind != CHALLENGE_BEARER || seen->realm))
		*ret = *seen;
}

void challenge_read(struct arena *a, const char *header, struct challenge *ret)
{
	struct challenge c = {0};

	for (const char *at = header; *at;) {
		at += strspn(at, ", \t");
		size_t length = strspn(at, token_letters);
		const char *word = arena_strndup(a, at, length);

		if (!length) {
			at += *at != '\0';
			continue;
		}
		at += length;
		at += strspn(at, " \t");
		if (*at == '=') {
			at++;
			at += strspn(at, " \t");
			set_parameter(&c, word, read_value(a, &at));
			continue;
		}
		settle(&c, ret);
		c = (struct challenge){.kind = !strcasecmp(word, "Bearer") ? CHALLENGE_BEARER : !strcasecmp(word, "Basic") ? CHALLENGE_BASIC : CHALLENGE_NONE};
	}
	settle(&c, ret);
}
