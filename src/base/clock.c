#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/strbuf.h"
#include "base/text.h"

static bool from_environment(const char *name, int64_t *ret_unix)
{
	const char *text = getenv(name);
	uint64_t number;

	if (!text || !text_to_u64(text, &number) || number > INT64_MAX)
		return false;
	*ret_unix = (int64_t)number;
	return true;
}

int64_t clock_now_unix(void)
{
	int64_t now;

	return from_environment("LOCKSTEP_NOW", &now) ? now : (int64_t)time(NULL);
}

int64_t clock_source_date_unix(int64_t fallback_unix)
{
	int64_t at;

	return from_environment("SOURCE_DATE_EPOCH", &at) ? at : fallback_unix;
}

int64_t clock_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_add_rfc3339(struct strbuf *out, int64_t at_unix)
{
	time_t at = (time_t)at_unix;
	struct tm tm;

	if (!gmtime_r(&at, &tm))
		tm = (struct tm){.tm_year = 70, .tm_mday = 1};
	strbuf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Exactly `digits` digits at *p, at most `highest`. */
static bool take(const char **p, int digits, int highest, int *ret)
{
	int number = 0;

	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)**p))
			return false;
		number = number * 10 + (*(*p)++ - '0');
	}
	*ret = number;
	return number <= highest;
}

static bool take_char(const char **p, const char *any)
{
	if (!**p || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

static bool take_time(const char **p, struct tm *tm, int *ret_offset_s)
{
	int hours, minutes;

	if (!take(p, 2, 23, &tm->tm_hour) || !take_char(p, ":") || !take(p, 2, 59, &tm->tm_min) || !take_char(p, ":") || !take(p, 2, 60, &tm->tm_sec))
		return false;
	if (take_char(p, ".")) {
		size_t digits = strspn(*p, "0123456789");

		if (!digits)
			return false;
		*p += digits;
	}
	*ret_offset_s = 0;
	if (take_char(p, "Zz"))
		return true;
	int sign = **p == '-' ? -1 : 1;

	if (!take_char(p, "+-") || !take(p, 2, 23, &hours) || !take_char(p, ":") || !take(p, 2, 59, &minutes))
		return false;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool clock_parse_rfc3339(const char *text, int64_t *ret_unix)
{
	struct tm tm = {0}, back;
	int offset_s = 0;
	const char *p = text;

	if (!take(&p, 4, 9999, &tm.tm_year) || !take_char(&p, "-") || !take(&p, 2, 12, &tm.tm_mon) || !take_char(&p, "-") || !take(&p, 2, 31, &tm.tm_mday))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	struct tm date = tm;

	if (take_char(&p, "Tt ") && !take_time(&p, &tm, &offset_s))
		return false;
	if (*p)
		return false;
	/* A day that does not exist (31 April) comes back as another one. */
	time_t day = timegm(&date);

	if (!gmtime_r(&day, &back) || back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday)
		return false;
	*ret_unix = (int64_t)timegm(&tm) - offset_s;
	return true;
}
