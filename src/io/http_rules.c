#include "io/http_rules.h"

#include <string.h>
#include <strings.h>

#include <curl/curl.h>

static int64_t digits(const char **text)
{
	int64_t number = 0;
	const char *p = *text;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (number > INT64_MAX / 10 - 10)
			return -1;
		number = number * 10 + (*p - '0');
	}
	if (p == *text)
		return -1;
	*text = p;
	return number;
}

void http_content_range(const char *value, int64_t *ret_from, int64_t *ret_total)
{
	if (strncasecmp(value, "bytes ", 6) != 0)
		return;
	value += 6;
	int64_t from = digits(&value), to = *value == '-' ? (value++, digits(&value)) : -1;

	if (from < 0 || to < from)
		return;
	*ret_from = from;
	if (*value == '/') {
		value++;
		*ret_total = digits(&value);
	}
}

bool http_may_pass(int code)
{
	switch ((CURLcode)code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_PARTIAL_FILE:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_AGAIN:
		return true;
	default:
		return false;
	}
}
