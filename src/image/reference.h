/* Names of images: "[registry/]repository[:tag][@digest]" (distribution spec, "Pulling manifests"; the short forms are those of the docker client). */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

struct image_reference {
	const char *registry;   /* "host[:port]" */
	const char *repository; /* "team/ci-cpu" */
	const char *tag;        /* or NULL: there is no "latest" that nobody asked for */
	const char *digest;     /* "sha256:<64 hex>", or NULL */
};

/* False, and *ret_why in a few words, when it is none. Texts live in `a`. */
bool image_reference_parse(struct arena *a, const char *text, struct image_reference *ret, const char **ret_why);
/* "registry/repository", with ":tag" and "@digest" where they are given. In `a`. */
const char *image_reference_text(struct arena *a, const struct image_reference *r);
/* The parts by themselves: "team/ci-cpu", "v0.1", "sha256:<64 hex>". */
bool image_repository_is_valid(const char *text);
bool image_tag_is_valid(const char *text);
bool image_digest_is_valid(const char *text);
