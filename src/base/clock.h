/* Time, the only door to it: tests and reproducible builds set LOCKSTEP_NOW or SOURCE_DATE_EPOCH (seconds since 1970). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct strbuf;

/* Seconds since 1970: LOCKSTEP_NOW when set, else the clock. */
int64_t clock_now_unix(void);
/* What goes into files that must be the same bytes every time: SOURCE_DATE_EPOCH when set, else `fallback_unix`. */
int64_t clock_source_date_unix(int64_t fallback_unix);
/* For measuring; never goes back. */
int64_t clock_monotonic_ms(void);
/* RFC 3339 in UTC with whole seconds, "2026-11-23T03:46:00Z". */
void clock_add_rfc3339(struct strbuf *out, int64_t at_unix);
/* "2026-11-23" (midnight UTC), or an RFC 3339 date-time with Z or an offset; fractions are cut. False when it is neither. */
bool clock_parse_rfc3339(const char *text, int64_t *ret_unix);
