/* BuildKit by address: what tells one buildkitd from another. The driver is engine_buildkit. */
#pragma once

#include "engine/engine.h"

struct buildkit_address {
	const char *address;         /* "unix:///run/buildkit/buildkitd.sock", "tcp://10.0.0.5:1234" */
	const char *ca, *cert, *key; /* paths of files, for TLS; or NULL */
};

/* Asks the buildkitd at that address, as probe() does with the one that BUILDKIT_HOST names. e->arena is set. */
int buildkit_open(struct engine *e, const struct buildkit_address *at, struct error *err);
