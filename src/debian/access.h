/* How apt on this machine reaches its mirrors, beyond their addresses: proxies, certificates, users and passwords. Asked of apt, for the tools that install
   Debian packages in its place. What is secret is written to files of a private folder only, and is in no command line, log or image. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

/* Every member is NULL where there is nothing to say. */
struct access {
	const char *const *proxies; /* those that only apt was told of, "http_proxy=...", NULL-terminated */
	const char *ca_file;        /* the certificates that apt trusts: one file of PEM */
	const char *apt_conf;       /* a file of apt's settings for https, for apt outside of an image */
	const char *auth_file;      /* users and passwords, a file in the form of apt_auth.conf(5) */
	const char *folder;
};

/* `ca_file` (or NULL) is trusted too, where apt itself names no certificates. A machine without apt has nothing to say. Everything returned lives in `a`, the
   files until access_close(), which is always to be called. */
int access_open(struct arena *a, const char *ca_file, struct access *ret, struct error *err);
void access_close(struct access *x);
