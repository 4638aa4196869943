/* <a href="...">name</a> (PEP 503), read a character at a time. The name is the last part of the link, which PEP 503 demands to be the same. */
#include "python/page_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum { BETWEEN, IN_TAG, IN_QUOTES, IN_COMMENT };

/* Appends an attribute's value with its character references resolved: those a link can hold. */
static void add_unescaped(struct strbuf *out, const char *text, size_t length)
{
	static const struct {
		const char *name;
		char c;
	} names[] = {{"amp;", '&'}, {"quot;", '"'}, {"apos;", '\''}, {"lt;", '<'}, {"gt;", '>'}};

	for (size_t i = 0; i < length; i++) {
		size_t n = 0, rest = length - i - 1;
		const char *next = text + i + 1;

		if (text[i] == '&' && rest > 2 && next[0] == '#') {
			int base = next[1] == 'x' || next[1] == 'X' ? 16 : 10;
			const char *digits = next + (base == 16 ? 2 : 1);
			char *end = NULL;
			unsigned long c = strtoul(digits, &end, base);

			if (isxdigit((unsigned char)*digits) && end < text + length && *end == ';') {
				page_add_character(out, c);
				i = (size_t)(end - text);
				continue;
			}
		}
		while (text[i] == '&' && n < sizeof(names) / sizeof(names[0]) &&
		       (strlen(names[n].name) > rest || strncmp(next, names[n].name, strlen(names[n].name)) != 0))
			n++;
		if (text[i] == '&' && n < sizeof(names) / sizeof(names[0])) {
			strbuf_add_char(out, names[n].c);
			i += strlen(names[n].name);
		} else {
			strbuf_add_char(out, text[i]);
		}
	}
}

/* Puts the value of an attribute into `out`; false when the tag has no such. `tag` is what stands between < and >. */
static bool find_attribute(const char *tag, const char *wanted, struct strbuf *out)
{
	const char *p = tag + strcspn(tag, " \t\r\n\f/");

	while (*(p += strspn(p, " \t\r\n\f/"))) {
		size_t name = strcspn(p, " \t\r\n\f/="), length = 0;
		bool is_wanted = name == strlen(wanted) && !strncasecmp(p, wanted, name);
		const char *value = NULL;

		p += name;
		p += strspn(p, " \t\r\n\f");
		if (*p == '=') {
			value = p + 1 + strspn(p + 1, " \t\r\n\f");
			if (*value == '"' || *value == '\'') {
				length = strcspn(value + 1, *value == '"' ? "\"" : "'");
				p = value + 1 + length;
				p += *p != '\0';
				value++;
			} else {
				length = strcspn(value, " \t\r\n\f");
				p = value + length;
			}
		} else if (!name) {
			p++;
		}
		if (!is_wanted)
			continue;
		if (value) {
			while (length && isspace((unsigned char)*value))
				value++, length--;
			while (length && isspace((unsigned char)value[length - 1]))
				length--;
			add_unescaped(out, value, length);
		}
		return true;
	}
	return false;
}

/* The last part of the link's path, percent-decoded. */
static void name_of_link(struct page *p)
{
	size_t end = strcspn(strbuf_text(&p->link), "?#"), begin = end;

	while (begin && p->link.text[begin - 1] != '/')
		begin--;
	text_percent_decode(&p->name, strbuf_text(&p->link) + begin, end - begin);
}

static bool is_tag(const char *text, const char *name)
{
	size_t length = strlen(name);

	return !strncasecmp(text, name, length) && (isspace((unsigned char)text[length]) || text[length] == '/');
}

/* <meta name="pypi:repository-version" content="1.0"> */
static void read_meta(struct page *p, const char *tag)
{
	autostrbuf struct strbuf name = {0}, content = {0};

	find_attribute(tag, "name", &name);
	if (!strcmp(strbuf_text(&name), "pypi:repository-version") && find_attribute(tag, "content", &content))
		page_check_version(p, strbuf_text(&content));
}

static void end_tag(struct page *p)
{
	const char *tag = strbuf_text(&p->text);

	if (is_tag(tag, "a")) {
		find_attribute(tag, "href", &p->link);
		find_attribute(tag, "data-requires-python", &p->requires_python);
		p->is_yanked = find_attribute(tag, "data-yanked", &p->yanked);
		name_of_link(p);
		page_report(p);
	} else if (is_tag(tag, "meta")) {
		read_meta(p, tag);
	} else if (is_tag(tag, "base") && !p->base.length) {
		find_attribute(tag, "href", &p->base);
	}
	p->state = BETWEEN;
}

static void add_to_tag(struct page *p, char c)
{
	if (p->text.length < PAGE_TEXT_LIMIT_BYTES)
		strbuf_add_char(&p->text, c);
	else
		p->is_broken = true;
}

void page_html_add(struct page *p, char c)
{
	switch (p->state) {
	case BETWEEN:
		if (c == '<') {
			strbuf_clear(&p->text);
			p->state = IN_TAG;
		}
		return;
	case IN_QUOTES:
		if (c == p->quote)
			p->state = IN_TAG;
		add_to_tag(p, c ? c : ' ');
		return;
	case IN_COMMENT:
		if (c == '>' && p->dashes >= 2)
			p->state = BETWEEN;
		p->dashes = c == '-' ? p->dashes + 1 : 0;
		return;
	default:
		if (c == '>') {
			end_tag(p);
			return;
		}
		if ((c == '"' || c == '\'') && strchr(strbuf_text(&p->text), '=')) {
			p->quote = c;
			p->state = IN_QUOTES;
		}
		add_to_tag(p, c ? c : ' ');
		if (p->text.length == 3 && !strcmp(p->text.text, "!--")) {
			p->dashes = 0;
			p->state = IN_COMMENT;
		}
	}
}
