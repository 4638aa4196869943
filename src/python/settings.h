/* What pip and uv on this machine would use to reach package indexes: environment variables, pip.conf, uv.toml, netrc. Reads only; prints no secret. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct settings_index {
	const char *alias; /* "default" for the first; else uv's name for it, or "extra-1", "extra-2", ... */
	const char *url;   /* of the simple index, user information included where the user gave it */
	const char *from;  /* where it was said: "PIP_INDEX_URL", "/etc/pip.conf: global.index-url", "built in" */
};

struct settings {
	struct arena arena;
	struct settings_index *indexes; /* at least one: the default */
	size_t index_count;
	const char **find_links; /* folders and pages, as given */
	size_t find_links_count;
	const char *ca_file, *client_cert; /* or NULL */
	const char **trusted_hosts;        /* NULL-terminated, or NULL */
	const char *proxy;                 /* pip's proxy option, or NULL; http_proxy and friends are libcurl's own matter */
	const char *netrc;                 /* path, or NULL */
	bool offline;                      /* UV_OFFLINE, PIP_NO_INDEX */
};

/* uv's word counts before pip's, the environment before files, the project's before the user's before the machine's, as each tool documents it. The address
   that is built in when nobody says anything is asked of uv or pip themselves by leaving `url` NULL for "default". ERR_INPUT on a broken file. */
int settings_read(struct settings *s, const char *project_root, struct error *err);
void settings_release(struct settings *s);
/* The address of an index by its alias, or NULL. */
const char *settings_index_url(const struct settings *s, const char *alias);
