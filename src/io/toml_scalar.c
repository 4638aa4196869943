#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/toml_scan.h"

/* Small matchers over one token: each moves *at past what it takes. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly `count` digits; their number. -1 when they are not there. */
static long take_number(const char **at, unsigned count)
{
	long number = 0;

	for (unsigned i = 0; i < count; i++, (*at)++) {
		if (!is_digit(**at))
			return -1;
		number = number * 10 + (**at - '0');
	}
	return number;
}

static bool take(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static long days_in_month(long year, long month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* What looks_like_date() took for one: it begins with a year and '-'. */
static bool take_date(const char **at)
{
	long year = take_number(at, 4);

	++*at;
	long month = take_number(at, 2);
	long day = month >= 0 && take(at, '-') ? take_number(at, 2) : -1;

	return month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
}

static bool take_time(const char **at)
{
	long hour = take_number(at, 2);
	long minute = hour >= 0 && take(at, ':') ? take_number(at, 2) : -1;
	long second = minute >= 0 && take(at, ':') ? take_number(at, 2) : -1;

	/* 60 is RFC 3339's leap second. */
	if (hour > 23 || minute > 59 || second < 0 || second > 60)
		return false;
	if (!take(at, '.'))
		return true;
	if (!is_digit(**at))
		return false;
	while (is_digit(**at))
		(*at)++;
	return true;
}

static bool take_offset(const char **at)
{
	if (take(at, 'Z') || take(at, 'z'))
		return true;
	if (!take(at, '+') && !take(at, '-'))
		return false;
	long hour = take_number(at, 2);
	long minute = hour >= 0 && take(at, ':') ? take_number(at, 2) : -1;

	return hour <= 23 && minute >= 0 && minute <= 59;
}

/* RFC 3339 and its local forms. */
static bool is_date_time(const char *token)
{
	const char *at = token;

	if (token[2] == ':')
		return take_time(&at) && !*at;
	if (!take_date(&at))
		return false;
	if (!*at)
		return true;
	if (!take(&at, 'T') && !take(&at, 't') && !take(&at, ' '))
		return false;
	if (!take_time(&at))
		return false;
	return !*at || (take_offset(&at) && !*at);
}

static bool looks_like_date(const char *token, size_t length)
{
	return (length >= 5 && is_digit(token[0]) && is_digit(token[1]) && token[2] == ':') ||
	       (length >= 8 && strspn(token, "0123456789") == 4 && token[4] == '-');
}

/* UINT_MAX for what is no digit of any base. */
static unsigned digit_value(char c)
{
	return (unsigned)text_hex_digit(c);
}

/* Digits with single underscores between them, up to the first other character; the text without underscores goes to `out`. False when there is none, or an
   underscore stands elsewhere. */
static bool take_digits(const char **at, unsigned base, struct strbuf *out)
{
	const char *start = *at;

	while (digit_value(**at) < base || (**at == '_' && *at > start && digit_value((*at)[1]) < base)) {
		if (**at != '_')
			strbuf_add_char(out, **at);
		(*at)++;
	}
	return *at > start;
}

static bool add_digits(const char *digits, unsigned base, bool negative, int64_t *ret)
{
	uint64_t number = 0, most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;

	for (const char *p = digits; *p; p++) {
		unsigned digit = digit_value(*p);

		if (number > (most - digit) / base)
			return false;
		number = number * base + digit;
	}
	*ret = negative ? (int64_t)(0 - number) : (int64_t)number;
	return true;
}

enum outcome { NOT_THIS, TAKEN, TOO_LARGE };

static enum outcome read_integer(const char *token, struct strbuf *digits, int64_t *ret)
{
	const char *at = token;
	bool negative = take(&at, '-'), sign = negative || take(&at, '+');
	unsigned base = 10;

	if (!sign && at[0] == '0' && (at[1] == 'x' || at[1] == 'o' || at[1] == 'b')) {
		base = at[1] == 'x' ? 16 : at[1] == 'o' ? 8 : 2;
		at += 2;
	}
	strbuf_clear(digits);
	if (!take_digits(&at, base, digits) || *at)
		return NOT_THIS;
	if (base == 10 && digits->text[0] == '0' && digits->length > 1)
		return NOT_THIS;
	return add_digits(digits->text, base, negative, ret) ? TAKEN : TOO_LARGE;
}

static bool read_float(const char *token, struct strbuf *digits, double *ret)
{
	const char *at = token;
	bool negative = take(&at, '-');

	if (!negative)
		take(&at, '+');
	if (!strcmp(at, "inf") || !strcmp(at, "nan")) {
		*ret = copysign(*at == 'i' ? INFINITY : NAN, negative ? -1 : 1);
		return true;
	}
	strbuf_clear(digits);
	strbuf_add(digits, negative ? "-" : "");
	size_t whole = digits->length;

	if (!take_digits(&at, 10, digits) || (digits->text[whole] == '0' && digits->length > whole + 1))
		return false;
	if (take(&at, '.')) {
		strbuf_add_char(digits, '.');
		if (!take_digits(&at, 10, digits))
			return false;
	}
	if (take(&at, 'e') || take(&at, 'E')) {
		strbuf_add_char(digits, 'e');
		if (take(&at, '-'))
			strbuf_add_char(digits, '-');
		else
			take(&at, '+');
		if (!take_digits(&at, 10, digits))
			return false;
	}
	*ret = strtod(digits->text, NULL);
	return !*at;
}

/* The characters a scalar can be made of; a date may go on with a time after one space. */
static size_t token_length(const struct toml *t)
{
	static const char taken[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_+-.:";
	const char *at = t->at;

	while (at < t->end && *at && strchr(taken, *at))
		at++;
	if (at - t->at == 10 && t->at[4] == '-' && t->end - at >= 4 && at[0] == ' ' && is_digit(at[1]) && is_digit(at[2]) && at[3] == ':') {
		at++;
		while (at < t->end && *at && strchr(taken, *at))
			at++;
	}
	return (size_t)(at - t->at);
}

static bool scan_number(struct toml *t, const char *start, const char *token, struct value *v)
{
	enum outcome whole = read_integer(token, &t->scratch, &v->integer);

	if (whole == TOO_LARGE)
		return toml_fail(t, start, "number does not fit into 64 bits");
	if (whole == TAKEN) {
		v->kind = VALUE_INTEGER;
		return true;
	}
	v->kind = VALUE_FLOAT;
	if (read_float(token, &t->scratch, &v->floating))
		return true;
	return toml_fail(t, start, "'%s' is no value; text stands in quotes", token);
}

bool toml_scan_scalar(struct toml *t, struct value *v)
{
	const char *start = t->at;
	size_t length = token_length(t);
	autostrbuf struct strbuf token = {0};

	if (!length)
		return toml_fail(t, start, "expected a value");
	strbuf_add_bytes(&token, start, length);
	t->at += length;
	if (!strcmp(token.text, "true") || !strcmp(token.text, "false")) {
		v->kind = VALUE_BOOLEAN;
		v->boolean = token.text[0] == 't';
		return true;
	}
	if (!looks_like_date(token.text, length))
		return scan_number(t, start, token.text, v);
	if (!is_date_time(token.text))
		return toml_fail(t, start, "'%s' is no date or time", token.text);
	v->kind = VALUE_DATETIME;
	v->text = arena_strndup(t->a, token.text, length);
	v->text_length = length;
	return true;
}
