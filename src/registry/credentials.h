/* Who we are at a registry, from where the engines' users keep it: REGISTRY_AUTH_FILE, containers' auth.json, docker's config.json, and the credential helpers these
   name. Read once a run and never printed. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct credentials {
	const char *user, *password; /* both or none */
	const char *identity_token;  /* for OAuth2 at the token server instead; or NULL */
	const char *from;            /* the file or the helper, for messages; NULL: there are none */
};

/* Of a repository "host[:port]/path": the longest key that fits counts, as in containers-auth.json(5). Texts live in `a`. ERR_INPUT when a file cannot be read as what
   it is, ERR_ENGINE when a helper fails otherwise than by knowing nothing. */
int credentials_find(struct arena *a, const char *registry, const char *repository, struct credentials *ret, struct error *err);
/* What a helper answers: {"Username": ..., "Secret": ...}; nothing in *ret when it names nobody. ERR_INPUT. */
int credentials_read_helper(struct arena *a, const char *program, const char *text, size_t length, struct credentials *ret, struct error *err);
