/* Markdown as GitHub and GitLab read it, from text that nobody vouches for. */
#pragma once

#include "base/strbuf.h"

/* A code span, also right inside a table: no text in it can be read as Markdown, HTML, a link or a mention. Control bytes are escaped; "" is nothing. */
void markdown_add_code(struct strbuf *out, const char *text);
