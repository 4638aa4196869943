#include "python/page.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "python/page_read.h"
#include "io/digest.h"

void page_add_character(struct strbuf *out, unsigned long c)
{
	if (!c || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = 0xfffd;
	text_add_utf8(out, (uint32_t)c);
}

/* Cuts "#sha256=..." (among other "name=value&" parts) off the link. */
static void take_fragment(struct page *p)
{
	char *fragment = p->link.length ? strchr(p->link.text, '#') : NULL;

	if (!fragment)
		return;
	for (const char *part = fragment + 1; *part; part += strcspn(part, "&"), part += *part == '&') {
		if (!p->sha256.length && !strncmp(part, "sha256=", 7))
			strbuf_add_bytes(&p->sha256, part + 7, strcspn(part + 7, "&"));
	}
	*fragment = '\0';
	p->link.length = (size_t)(fragment - p->link.text);
}

void page_report(struct page *p)
{
	take_fragment(p);
	for (size_t i = 0; i < p->sha256.length; i++)
		p->sha256.text[i] = (char)tolower((unsigned char)p->sha256.text[i]);
	const char *sha256 = strbuf_text(&p->sha256);

	if (p->name.length && p->link.length && p->link.length <= PAGE_LINK_LIMIT_BYTES)
		p->on_file(p->context, &(struct page_file){
					       .name = strbuf_text(&p->name),
					       .link = strbuf_text(&p->link),
					       .sha256 = digest_is_hex(sha256) ? sha256 : NULL,
					       .requires_python = p->requires_python.length ? strbuf_text(&p->requires_python) : NULL,
					       .uploaded = p->uploaded.length ? strbuf_text(&p->uploaded) : NULL,
					       .is_yanked = p->is_yanked,
					       .yanked = p->is_yanked && p->yanked.length ? strbuf_text(&p->yanked) : NULL,
				       });
	strbuf_clear(&p->name);
	strbuf_clear(&p->link);
	strbuf_clear(&p->sha256);
	strbuf_clear(&p->requires_python);
	strbuf_clear(&p->uploaded);
	strbuf_clear(&p->yanked);
	p->is_yanked = false;
}

void page_check_version(struct page *p, const char *said)
{
	if (strtoul(said, NULL, 10) <= 1)
		return;
	strbuf_clear(&p->version);
	strbuf_add(&p->version, said);
	p->is_broken = true;
}

void page_add(struct page *p, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length && !p->is_broken; i++) {
		if (p->is_json)
			page_json_add(p, bytes[i]);
		else
			page_html_add(p, bytes[i]);
	}
}

bool page_end(struct page *p)
{
	bool whole = !p->is_broken && (!p->is_json || page_json_is_whole(p));
	struct strbuf *texts[] = {&p->text, &p->key, &p->name, &p->link, &p->sha256, &p->requires_python, &p->uploaded, &p->yanked};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		strbuf_release(texts[i]);
	return whole;
}

void page_release(struct page *p)
{
	page_end(p);
	strbuf_release(&p->base);
	strbuf_release(&p->version);
}
