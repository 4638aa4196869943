/* What a registry asks for with "401 Unauthorized" (RFC 9110, 11.6.1; the token specification of the distribution project). */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

enum challenge_kind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_kind kind;
	const char *realm;   /* BEARER: the address of the token server */
	const char *service; /* or NULL */
	const char *scope;   /* or NULL */
	const char *error;   /* "insufficient_scope", or NULL */
};

/* Reads one WWW-Authenticate header, which may hold several challenges; a bearer's wins over a basic one, and one that was read before in *ret stays unless this is
   better. Texts live in `a`. */
void challenge_read(struct arena *a, const char *header, struct challenge *ret);
