/* Problems in files the user wrote, for people and for programs. All commands print them by these. */
#pragma once

#include <stdio.h>

#include "base/diag.h"
#include "base/strbuf.h"

/* "4 errors, 1 warning", "1 warning"; "no problems" when there are none. */
void problems_add_count(const struct diag *d, struct strbuf *out);
/* All of them, sorted, each with its line, a caret and its hint. */
void problems_print(struct diag *d, FILE *out);
/* {"problems": [{"file", "line", "column", "severity", "message", "hint"}], "errors": n, "warnings": n}, a whole JSON text. Sorted; file, line, column and
   hint are null where there is none. */
void problems_add_json(struct diag *d, struct strbuf *out);
