#include "python/url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "python/scan.h"

/* What urllib knows of schemes. */
enum { RELATIVE = 1, NETLOC = 2, PARAMS = 4 };
static const struct {
	const char *name;
	unsigned uses;
} schemes[] = {
	{"", RELATIVE | NETLOC | PARAMS},
	{"file", RELATIVE | NETLOC},
	{"ftp", RELATIVE | NETLOC | PARAMS},
	{"git", NETLOC},
	{"git+ssh", NETLOC},
	{"gopher", RELATIVE | NETLOC},
	{"hdl", PARAMS},
	{"http", RELATIVE | NETLOC | PARAMS},
	{"https", RELATIVE | NETLOC | PARAMS},
	{"imap", RELATIVE | NETLOC | PARAMS},
	{"mms", RELATIVE | NETLOC | PARAMS},
	{"nfs", NETLOC},
	{"nntp", RELATIVE | NETLOC},
	{"prospero", RELATIVE | NETLOC | PARAMS},
	{"rsync", NETLOC},
	{"rtsp", RELATIVE | NETLOC | PARAMS},
	{"rtspu", RELATIVE | NETLOC | PARAMS},
	{"sftp", RELATIVE | NETLOC | PARAMS},
	{"shttp", RELATIVE | NETLOC | PARAMS},
	{"sip", PARAMS},
	{"sips", PARAMS},
	{"snews", NETLOC},
	{"svn", RELATIVE | NETLOC},
	{"svn+ssh", RELATIVE | NETLOC},
	{"tel", PARAMS},
	{"telnet", NETLOC},
	{"wais", RELATIVE | NETLOC},
	{"ws", RELATIVE | NETLOC},
	{"wss", RELATIVE | NETLOC},
};

static bool scheme_uses(const char *scheme, unsigned what)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (!strcmp(schemes[i].name, scheme))
			return schemes[i].uses & what;
	return false;
}

/* Without what the standard of the web strips. */
static char *cleaned(struct arena *a, const char *url)
{
	while (*url > 0 && *url <= ' ')
		url++;
	char *copy = arena_strdup(a, url), *end = copy;

	for (const char *at = copy; *at; at++)
		if (*at != '\t' && *at != '\r' && *at != '\n')
			*end++ = *at;
	*end = '\0';
	return copy;
}

/* Characters whose compatibility form (NFKC) holds one of "/?#@:". */
static bool stands_for_delimiter(uint32_t code)
{
	static const uint16_t codes[] = {0x2047, 0x2048, 0x2049, 0x2100, 0x2101, 0x2105, 0x2106, 0x2A74, 0xFE13, 0xFE16,
					 0xFE55, 0xFE56, 0xFE5F, 0xFE6B, 0xFF03, 0xFF0F, 0xFF1A, 0xFF1F, 0xFF20};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static bool is_ipv6(const char *host)
{
	const char *scope = strchr(host, '%');
	unsigned char bytes[16];
	autofree char *address = mem_strndup(host, scope ? (size_t)(scope - host) : strlen(host));

	return (!scope || (scope[1] && !strchr(scope + 1, '%'))) && inet_pton(AF_INET6, address, bytes) == 1;
}

/* RFC 3986, "IPvFuture". */
static bool is_future(const char *host)
{
	const char *at = host + 1;

	while (text_hex_digit(*at) >= 0)
		at++;
	return at > host + 1 && at[0] == '.' && at[1];
}

/* As the reference has it, also where only what stands before '@' has brackets. */
static bool brackets_are_fine(struct arena *a, const char *netloc)
{
	const char *at = strrchr(netloc, '@'), *host = at ? at + 1 : netloc, *open = strchr(host, '[');
	bool opens = strchr(netloc, '['), closes = strchr(netloc, ']');

	if (!opens || !closes)
		return opens == closes;
	if (open > host)
		return false;
	host += *host == '[';
	size_t length = strcspn(host, open ? "]" : ":");

	if (open && host[length] && host[length + 1] && host[length + 1] != ':')
		return false;
	host = arena_strndup(a, host, length);
	return *host == 'v' ? is_future(host) : is_ipv6(host);
}

static bool host_is_fine(struct arena *a, const char *netloc)
{
	uint32_t code = 0;

	for (size_t i = 0, length = strlen(netloc), size; i < length; i += size) {
		size = text_utf8_decode(netloc + i, length - i, &code);
		if (size && stands_for_delimiter(code))
			return false;
		size = size ? size : 1;
	}
	return brackets_are_fine(a, netloc);
}

/* Cuts `text` at the first `c`; returns what stands behind it, "" for none. */
static const char *cut(char *text, char c)
{
	char *at = strchr(text, c);

	if (!at)
		return "";
	*at = '\0';
	return at + 1;
}

static char *cut_scheme(struct arena *a, char *url, const char **ret)
{
	size_t length = 0;

	*ret = "";
	if (!scan_is_letter(*url))
		return url;
	while (scan_is_alnum(url[length]) || (url[length] && strchr("+-.", url[length])))
		length++;
	if (url[length] != ':')
		return url;
	char *scheme = arena_strndup(a, url, length);

	for (char *c = scheme; *c; c++)
		*c = scan_lower(*c);
	*ret = scheme;
	return url + length + 1;
}

bool url_split(struct arena *a, const char *url, struct url_parts *ret)
{
	struct url_parts parts = {.netloc = ""};
	char *rest = cut_scheme(a, cleaned(a, url), &parts.scheme);

	if (rest[0] == '/' && rest[1] == '/') {
		size_t length = strcspn(rest + 2, "/?#");

		parts.netloc = arena_strndup(a, rest + 2, length);
		rest += 2 + length;
	}
	parts.fragment = cut(rest, '#');
	parts.query = cut(rest, '?');
	parts.path = rest;
	if (!host_is_fine(a, parts.netloc))
		return false;
	*ret = parts;
	return true;
}

const char *url_unsplit(struct arena *a, const struct url_parts *p)
{
	autostrbuf struct strbuf out = {0};

	if (*p->scheme)
		strbuf_printf(&out, "%s:", p->scheme);
	if (*p->netloc || (*p->scheme && scheme_uses(p->scheme, NETLOC) && !text_starts_with(p->path, "//"))) {
		strbuf_printf(&out, "//%s", p->netloc);
		if (*p->path && *p->path != '/')
			strbuf_add_char(&out, '/');
	}
	strbuf_add(&out, p->path);
	if (*p->query)
		strbuf_printf(&out, "?%s", p->query);
	if (*p->fragment)
		strbuf_printf(&out, "#%s", p->fragment);
	return arena_strndup(a, strbuf_text(&out), out.length);
}

/* Cuts ";..." off the last part of the path, and returns it without its ';'. */
static const char *cut_params(struct arena *a, struct url_parts *p)
{
	const char *slash = strrchr(p->path, '/'), *semicolon = strchr(slash ? slash : p->path, ';');

	if (!semicolon || !scheme_uses(p->scheme, PARAMS))
		return "";
	p->path = arena_strndup(a, p->path, (size_t)(semicolon - p->path));
	return semicolon + 1;
}

static const char *put_together(struct arena *a, struct url_parts *p, const char *params)
{
	if (*params)
		p->path = arena_printf(a, "%s;%s", p->path, params);
	return url_unsplit(a, p);
}

struct segments {
	const char **texts;
	size_t count;
};

/* Appends the parts between slashes; with `last` false, not the last one unless it is empty. */
static void add_segments(struct arena *a, struct segments *s, const char *path, bool last)
{
	for (;;) {
		size_t length = strcspn(path, "/");
		bool is_last = !path[length];

		if (!is_last || last || !length)
			*arena_push(a, &s->texts, &s->count) = arena_strndup(a, path, length);
		if (is_last)
			return;
		path += length + 1;
	}
}

static const char *resolved_path(struct arena *a, const struct segments *from)
{
	struct segments done = {0};
	autostrbuf struct strbuf out = {0};
	const char *last = from->texts[from->count - 1];

	for (size_t i = 0; i < from->count; i++) {
		const char *segment = from->texts[i];

		if (!strcmp(segment, ".."))
			done.count -= done.count > 0;
		else if (strcmp(segment, ".") != 0)
			*arena_push(a, &done.texts, &done.count) = segment;
	}
	for (size_t i = 0; i < done.count; i++) {
		if (i)
			strbuf_add_char(&out, '/');
		strbuf_add(&out, done.texts[i]);
	}
	if (done.count && (!strcmp(last, ".") || !strcmp(last, "..")))
		strbuf_add_char(&out, '/');
	return out.length ? arena_strndup(a, strbuf_text(&out), out.length) : "/";
}

static const char *joined_path(struct arena *a, const char *base, const char *path)
{
	struct segments all = {0}, kept = {0};

	if (*path != '/')
		add_segments(a, &all, base, false);
	add_segments(a, &all, path, true);
	/* Beside an absolute path, empty parts between the first and the last are left out. */
	for (size_t i = 0; i < all.count; i++)
		if (*path == '/' || !i || i + 1 == all.count || *all.texts[i])
			*arena_push(a, &kept.texts, &kept.count) = all.texts[i];
	return resolved_path(a, &kept);
}

const char *url_join(struct arena *a, const char *base, const char *link)
{
	struct url_parts b, l;

	if (!*base)
		return link;
	if (!*link)
		return base;
	if (!url_split(a, base, &b) || !url_split(a, link, &l))
		return NULL;
	if (!*l.scheme)
		l.scheme = b.scheme;
	/* All that are RELATIVE have a NETLOC. */
	if (strcmp(l.scheme, b.scheme) != 0 || !scheme_uses(l.scheme, RELATIVE))
		return link;
	const char *base_params = cut_params(a, &b), *params = cut_params(a, &l);

	if (*l.netloc)
		return put_together(a, &l, params);
	l.netloc = b.netloc;
	if (!*l.path && !*params) {
		l.path = b.path;
		params = base_params;
		if (!*l.query)
			l.query = b.query;
	} else {
		l.path = joined_path(a, b.path, l.path);
	}
	return put_together(a, &l, params);
}

static const char *skip_variable(const char *at)
{
	if (at[0] != '$' || at[1] != '{')
		return NULL;
	const char *end = at + 2;

	while (scan_is_alnum(*end) || *end == '-' || *end == '_')
		end++;
	return end > at + 2 && *end == '}' ? end + 1 : NULL;
}

static bool is_variables(const char *user)
{
	const char *end = skip_variable(user);

	if (end && *end == ':')
		end = skip_variable(end + 1);
	return end && !*end;
}

const char *url_without_user(struct arena *a, const char *url)
{
	struct url_parts parts;

	if (!url_split(a, url, &parts))
		return NULL;
	const char *at = strrchr(parts.netloc, '@');

	if (at) {
		const char *user = arena_strndup(a, parts.netloc, (size_t)(at - parts.netloc));

		if (strcmp(user, "git") != 0 && !is_variables(user))
			parts.netloc = at + 1;
	}
	return url_unsplit(a, &parts);
}

const char *url_file_name(struct arena *a, const char *url)
{
	struct url_parts parts;
	autostrbuf struct strbuf name = {0};

	if (!url_split(a, url, &parts))
		return NULL;
	cut_params(a, &parts);
	const char *slash = strrchr(parts.path, '/'), *last = slash ? slash + 1 : parts.path;

	text_percent_decode(&name, last, strlen(last));
	return arena_strndup(a, strbuf_text(&name), name.length);
}
