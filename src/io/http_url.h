/* An http or https address taken apart; inside io/ only. */
#pragma once

#include <stdbool.h>

struct http_url {
	char *scheme, *host, *port; /* port is always there */
	char *user, *password;      /* decoded, or NULL */
	char *plain;                /* the address without user information and fragment */
};

/* False when it is no http or https address; *ret needs no release then. */
bool http_url_parse(const char *url, struct http_url *ret);
void http_url_release(struct http_url *u);
bool http_url_same_origin(const struct http_url *a, const struct http_url *b);
/* hosts: NULL-terminated "host" or "host:port", or NULL. */
bool http_url_in_hosts(const struct http_url *u, const char *const *hosts);
