/* The two sources of settings.c, each read by its own tool's rules into the same struct; inside python/ only. */
#pragma once

#include "python/settings.h"

struct settings_source {
	struct arena *arena;                 /* of the settings */
	struct settings_index default_index; /* url NULL: not said */
	struct settings_index *extras;       /* alias not set yet */
	size_t extra_count;
	struct settings_index old_default, *old_extras; /* uv's older options, which come after its newer ones */
	size_t old_extra_count;
	const char **find_links;
	size_t find_links_count;
	const char **trusted_hosts;
	size_t trusted_host_count;
	const char *ca_file, *ca_from, *client_cert, *proxy;
	int64_t timeout_ms;
	int offline, no_index; /* -1: not said */
};

int settings_read_uv(struct settings_source *s, const char *project_root, struct error *err);
int settings_read_pip(struct settings_source *s, struct error *err);

/* An environment variable that is set and not empty, or NULL. */
const char *settings_environment(const char *name);
/* "~" and "~/..." by HOME; all else as it is. In the arena. */
const char *settings_expand_home(struct arena *a, const char *path);
/* As pip's strtobool and uv's boolish: 1/0, true/false, yes/no, y/n, t/f, on/off; -1 when it is neither. */
int settings_truth(const char *text);
/* Calls add(context, word) for each word between `separators`. Words live in the arena. */
void settings_split(struct arena *a, const char *text, const char *separators, void (*add)(void *context, const char *word), void *context);
/* Calls add(context, "<folder>/<name>") for each folder of XDG_CONFIG_DIRS, /etc/xdg without it. Paths live in the arena. */
void settings_each_config_dir(struct arena *a, const char *name, void (*add)(void *context, const char *path), void *context);
/* XDG_CONFIG_HOME or ~/.config, then the name. NULL without HOME. */
const char *settings_user_config(struct arena *a, const char *name);
