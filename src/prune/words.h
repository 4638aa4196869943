/* What a text mentions, whatever its grammar: names of releases and digests. More than is meant may be found, never less: whoever writes a release's name in a
   Jenkinsfile means it, in a comment too. */
#pragma once

#include <stddef.h>

struct words_found {
	/* "v0.12": a whole number of this form, with no letter or digit before it. */
	void (*on_release)(void *context, const char *name);
	/* 64 lower-case hex digits with no letter or digit beside them. */
	void (*on_digest)(void *context, const char *hex);
	void *context;
};

/* Either callback may be NULL. */
void words_find(const char *text, size_t length, const struct words_found *found);
