/* What pip and uv on this machine would use to reach package indexes: environment variables, pip.conf, uv.toml, netrc. Reads only; prints no secret. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct settings_index {
	const char *alias;  /* "default" for the first; else uv's name for it, or "extra-1", "extra-2", ... */
	const char *url;    /* of the simple index, user information included where the user gave it; NULL for "default": the built-in address */
	const char *from;   /* where it was said: "PIP_INDEX_URL", "/etc/pip.conf: global.index-url", "built in" */
	const char *name;   /* uv's name for it, or NULL */
	bool explicit_only; /* uv's "explicit": only for packages that ask for it by name */
};

struct settings {
	struct arena arena;
	struct settings_index *indexes; /* at least one: the default */
	size_t index_count;
	const char **find_links; /* folders and pages; relative ones of files are made absolute */
	size_t find_links_count;
	const char *ca_file, *client_cert; /* or NULL; ca_file may be a folder of certificates */
	const char *ca_from;               /* where ca_file was said, or NULL */
	const char **trusted_hosts;        /* NULL-terminated, or NULL */
	const char *proxy;                 /* pip's proxy option, or NULL; http_proxy and friends are libcurl's own matter */
	const char *netrc;                 /* path, or NULL */
	int64_t timeout_ms;                /* UV_HTTP_TIMEOUT, pip's timeout; 0: nobody said */
	bool offline;                      /* UV_OFFLINE, and no-index of either tool */
	bool no_index;                     /* only the latter */
};

/* uv's word counts before pip's, the environment before files, the project's before the user's before the machine's, as each tool documents it. The address
   that is built in when nobody says anything is asked of uv or pip themselves by leaving `url` NULL for "default". ERR_INPUT on a broken file. */
int settings_read(struct settings *s, const char *project_root, struct error *err);
void settings_release(struct settings *s);
/* How a transfer reaches indexes by these settings; its limits stay unset. Nothing is copied. */
struct http_settings;
void settings_http(const struct settings *s, struct http_settings *ret);
/* The address of an index by its alias, or NULL. */
const char *settings_index_url(const struct settings *s, const char *alias);
/* The address that uv, or else pip, has built in: asked of the programs themselves. Fills the "default" entry when it has none, once. ERR_NOT_FOUND, saying
   what to set, when neither can tell. */
int settings_default_index(struct settings *s, const char *project_root, const char **ret_url, struct error *err);
