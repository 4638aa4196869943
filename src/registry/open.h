/* The registries of a run as the project and the machine say how they are reached: without TLS where recipes/project.yaml (plain_http) or LOCKSTEP_PLAIN_HTTP names the
   host, else with the certificates that package indexes are reached with. */
#pragma once

#include "registry/registry.h"

struct database;

/* ERR_INPUT when LOCKSTEP_PLAIN_HTTP names something that is no host, or the certificates cannot be read. */
struct registries *registries_open(const struct database *db, struct error *err);
/* Whether the project or the machine say that a host is spoken to without TLS. */
bool registries_is_plain(const struct database *db, const char *host);
