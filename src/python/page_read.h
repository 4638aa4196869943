/* The two readers behind page.c. */
#pragma once

#include "python/page.h"

void page_json_add(struct page *p, char c);
bool page_json_is_whole(const struct page *p);
void page_html_add(struct page *p, char c);

/* Appends a character as UTF-8; what is no character becomes U+FFFD. */
void page_add_character(struct strbuf *out, unsigned long character);
/* Reports the file whose parts are in name, link and sha256, and empties them. */
void page_report(struct page *p);
/* Refuses a page that says to be of a version whose first number is above 1 (PEP 629: clients must not read on). */
void page_check_version(struct page *p, const char *said);
