#include "engine/pull.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "engine/engine.h"

/* Host names in the hints stand as %s. */
struct cause {
	const char *words[6]; /* any of them in a line; NULL-terminated */
	const char *what;
	const char *buildah, *docker; /* hints */
};

/* In this order: what is more special comes first. */
static const struct cause causes[] = {
	{{"server gave HTTP response to HTTPS client"},
	 "its registry speaks plain http, and engines want https",
	 "name it in a registries.conf ('[[registry]]', 'location = \"%s\"', 'insecure = true'): /etc/containers/registries.conf.d/NAME.conf, or the file that "
	 "CONTAINERS_REGISTRIES_CONF names",
	 "add \"%s\" to 'insecure-registries' in the daemon's /etc/docker/daemon.json; 127.0.0.0/8 needs no entry"},
	{{"x509:", "certificate signed by unknown authority", "certificate is not trusted", "certificate verify failed", "tls: failed to verify"},
	 "the certificate of its registry is not trusted",
	 "put the certificate of its authority at /etc/containers/certs.d/%s/ca.crt",
	 "put the certificate of its authority at /etc/docker/certs.d/%s/ca.crt, on the daemon's machine"},
	{{"toomanyrequests", "429 Too Many Requests"},
	 "its registry refuses more requests for now",
	 "'buildah login %s' raises the limit on some registries; or try again later",
	 "'docker login %s' raises the limit on some registries; or try again later"},
	{{"unauthorized", "authentication required", "authorization failed", "no basic auth credentials", "401 Unauthorized"},
	 "its registry wants a user and a password",
	 "'buildah login %s' stores them",
	 "'docker login %s' stores them"},
	{{"denied", "403 Forbidden"},
	 "its registry denies it: no such repository, or not for this user",
	 "'buildah login %s' changes the user",
	 "'docker login %s' changes the user"},
	{{"manifest unknown", "name unknown", ": not found", "no such manifest", "404 Not Found"},
	 "its registry has no such image: the repository's name or the digest is wrong, or it was removed",
	 "'skopeo inspect docker://REPOSITORY:TAG' tells the digest that a tag has now",
	 "'docker buildx imagetools inspect REPOSITORY:TAG' tells the digest that a tag has now"},
	{{"no image found in manifest list", "no match for platform", "no matching manifest", "does not match the specified platform"},
	 "it has no part for this machine's architecture",
	 "name the digest of an image, or of an index, that has one",
	 "name the digest of an image, or of an index, that has one"},
	{{"connection refused", "connection reset", "dial tcp", "no route to host", "TLS handshake timeout"},
	 "its registry cannot be reached",
	 "see whether '%s' is the right address, and what proxies are set",
	 "see whether '%s' is the right address; the daemon uses its own proxy settings, not those of your shell"},
	{{"context deadline exceeded", "Client.Timeout exceeded", "i/o timeout", "unexpected EOF", "connection timed out"},
	 "its registry does not answer in time",
	 "try again; see whether '%s' is the right address, and what proxies are set",
	 "try again; see whether '%s' is the right address, and what proxies the daemon has"},
};

static bool tells(const struct cause *c, const char *line)
{
	for (size_t i = 0; i < ARRAY_LEN(c->words) && c->words[i]; i++) {
		if (strstr(line, c->words[i]))
			return true;
	}
	return false;
}

/* Up to the first slash, where that can be a host; what has none is of the engine's default registry. */
static char *registry_of(const char *image)
{
	size_t length = strcspn(image, "/");
	bool host = image[length] && (memchr(image, '.', length) || memchr(image, ':', length) || !strncmp(image, "localhost/", length + 1));

	return host ? mem_strndup(image, length) : NULL;
}

bool pull_explain(const struct engine *e, const char *image, const char *line, struct strbuf *out)
{
	autofree char *registry = registry_of(image);

	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		if (!tells(&causes[i], line))
			continue;
		const char *hint = !strcmp(e->driver->name, "docker") ? causes[i].docker : causes[i].buildah;

		strbuf_printf(out, "%s\n", causes[i].what);
		/* podman logs in as buildah does. */
		if (!strcmp(e->driver->name, "podman") && text_starts_with(hint, "'buildah ")) {
			strbuf_add(out, "'podman ");
			hint += strlen("'buildah ");
		}
		const char *place = strstr(hint, "%s");

		if (place)
			strbuf_printf(out, "%.*s%s%s", (int)(place - hint), hint, registry ? registry : "REGISTRY", place + 2);
		else
			strbuf_add(out, hint);
		return true;
	}
	return false;
}
