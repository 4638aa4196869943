#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "engine/engine.h"
#include "engine/pull.h"

static void expect_line(const struct engine_driver *driver, const char *line, enum engine_line_kind kind, unsigned number, unsigned total, const char *text)
{
	struct engine_line seen = {0};

	driver->read_line(line, strlen(line), &seen);
	assert_int_equal(seen.kind, kind);
	assert_int_equal(seen.number, number);
	assert_int_equal(seen.total, total);
	assert_int_equal(seen.length, strlen(text));
	assert_memory_equal(seen.text, text, seen.length);
}

TEST(buildah_lines)
{
	expect_line(&engine_buildah, "STEP 2/6: RUN --mount=type=bind,source=x make", ENGINE_STEP, 2, 6, "RUN --mount=type=bind,source=x make");
	expect_line(&engine_buildah, "STEP 2/x: RUN", ENGINE_OUTPUT, 0, 0, "STEP 2/x: RUN");
	expect_line(&engine_buildah, "a line of make", ENGINE_OUTPUT, 0, 0, "a line of make");
	expect_line(&engine_buildah, "Copying blob sha256:3f67", ENGINE_CHATTER, 0, 0, "Copying blob sha256:3f67");
	expect_line(&engine_buildah, "", ENGINE_OUTPUT, 0, 0, "");
}

TEST(buildkit_lines)
{
	expect_line(&engine_docker, "#6 [2/3] RUN make", ENGINE_STEP, 2, 3, "RUN make");
	expect_line(&engine_docker, "#6 [layer-llvm 2/3] RUN make", ENGINE_STEP, 2, 3, "RUN make");
	expect_line(&engine_docker, "#6 0.052 [2/3] not a step", ENGINE_OUTPUT, 0, 0, "[2/3] not a step");
	expect_line(&engine_docker, "#6 0.052 ", ENGINE_OUTPUT, 0, 0, "");
	expect_line(&engine_docker, "#6 ERROR: executor failed", ENGINE_OUTPUT, 0, 0, "ERROR: executor failed");
	expect_line(&engine_docker, "#6 sha256:aaf42df11e758", ENGINE_CHATTER, 0, 0, "sha256:aaf42df11e758");
	expect_line(&engine_docker, "#1 [internal] load build definition from D4", ENGINE_CHATTER, 0, 0, "[internal] load build definition from D4");
	expect_line(&engine_docker, "#6 DONE 1.1s", ENGINE_CHATTER, 0, 0, "DONE 1.1s");
	expect_line(&engine_docker, "# not BuildKit's", ENGINE_OUTPUT, 0, 0, "# not BuildKit's");
}

static void expect_argv(const char *const *argv, const char *text)
{
	autostrbuf struct strbuf s = {0};

	process_add_command(&s, argv);
	assert_string_equal(strbuf_text(&s), text);
}

TEST(build_commands)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e = {.arena = &a, .program = "/usr/bin/buildah", .unshare = "/usr/bin/unshare"};
	const char *labels[] = {"a=b c", NULL}, *const * argv, *const * environment;
	struct engine_build build = {.dockerfile = "D", .context = "C", .tag = "t:1", .labels = labels};

	setenv("LOCKSTEP_CACHE", "/cache", 1);
	assert_int_equal(engine_buildah.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(
		argv,
		"/usr/bin/unshare --net -- /usr/bin/buildah build --default-mounts-file /cache/no-mounts.conf --isolation chroot --layers=false --network host --format oci --force-rm --pull-never "
		"--label 'a=b c' --file D --tag t:1 C");
	build.network = true;
	build.ca_file = "/ca.pem";
	build.auth_file = "/auth.conf";
	build.labels = NULL;
	setenv("https_proxy", "http://user:secret@proxy:1", 1);
	unsetenv("http_proxy");
	unsetenv("no_proxy");
	unsetenv("HTTP_PROXY");
	unsetenv("HTTPS_PROXY");
	unsetenv("NO_PROXY");
	assert_int_equal(engine_buildah.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(
		argv,
		"/usr/bin/buildah build --default-mounts-file /cache/no-mounts.conf --isolation chroot --layers=false --network host --format oci --force-rm --pull-never --secret id=ca,src=/ca.pem --secret id=apt-auth,src=/auth.conf "
		"--file D --tag t:1 C");
	e.program = "/usr/bin/podman";
	assert_int_equal(engine_podman.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(
		argv,
		"/usr/bin/podman --default-mounts-file /cache/no-mounts.conf build --isolation chroot --layers=false --network host --format oci --force-rm --pull-never --secret id=ca,src=/ca.pem --secret id=apt-auth,src=/auth.conf "
		"--file D --tag t:1 C");
	/* A password in a proxy's address must not be seen in a list of processes. */
	e.program = "/usr/bin/docker";
	assert_int_equal(engine_docker.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(
		argv,
		"/usr/bin/docker build --progress plain --network host --build-arg https_proxy --secret id=ca,src=/ca.pem --secret id=apt-auth,src=/auth.conf --file D --tag t:1 C");
	assert_string_equal(environment[0], "DOCKER_BUILDKIT=1");
	/* Nor one in a proxy that only apt knows. */
	build.proxies = (const char *const[]){"http_proxy=http://user:secret@apt:1", NULL};
	assert_int_equal(engine_docker.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(
		argv,
		"/usr/bin/docker build --progress plain --network host --build-arg https_proxy --build-arg http_proxy --secret id=ca,src=/ca.pem --secret id=apt-auth,src=/auth.conf "
		"--file D --tag t:1 C");
	assert_string_equal(environment[3], build.proxies[0]);
	assert_null(environment[4]);
	assert_int_equal(engine_buildah.build_argv(&e, &build, &argv, &environment, &err), 0);
	assert_string_equal(environment[0], build.proxies[0]);
	build.network = false;
	assert_int_equal(engine_buildah.build_argv(&e, &build, &argv, &environment, &err), 0);
	assert_null(environment);
	assert_int_equal(engine_docker.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(
		argv,
		"/usr/bin/docker build --progress plain --network none --secret id=ca,src=/ca.pem --secret id=apt-auth,src=/auth.conf --file D --tag t:1 C");
}

TEST(an_unknown_engine_is_said_with_the_near_one)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e;

	assert_int_equal(engine_find(&a, "dcoker", &e, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_string_equal(err.text, "there is no engine 'dcoker'; engines are: buildah, docker, podman, buildkit\ndid you mean 'docker'?");
}

TEST(no_engine_says_of_each_what_to_do)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e;

	setenv("PATH", "/none", 1);
	assert_int_equal(engine_find(&a, NULL, &e, &err), -1);
	assert_int_equal(err.code, ERR_ENGINE);
	assert_string_equal(err.text, "no engine works here\nbuildah: 'buildah' is not in PATH; 'apt-get install buildah' mends that\n"
				      "docker: 'docker' is not in PATH; 'apt-get install docker.io' mends that\n"
				      "podman: 'podman' is not in PATH; 'apt-get install podman' mends that\n"
				      "buildkit: 'buildctl' is not in PATH; it comes with BuildKit, https://github.com/moby/buildkit/releases");
}

/* `first` and `hint` are found in what is told, which has two lines; nothing is told without `first`. */
static void expect_cause(const struct engine_driver *driver, const char *line, const char *first, const char *hint)
{
	struct engine e = {.driver = driver};
	autostrbuf struct strbuf out = {0};
	bool told = pull_explain(&e, "registry.example:5000/debian@sha256:0", line, &out);

	assert_int_equal(told, first != NULL);
	if (!first)
		return;
	const char *feed = strchr(strbuf_text(&out), '\n');

	assert_non_null(feed);
	assert_null(strchr(feed + 1, '\n'));
	if (!strstr(strbuf_text(&out), first) || !strstr(feed, hint))
		fail_msg("'%s' or '%s' is not in: %s", first, hint, strbuf_text(&out));
}

TEST(why_an_image_cannot_be_fetched)
{
	const struct engine_driver *b = &engine_buildah, *d = &engine_docker;
	struct engine e = {.driver = b};
	autostrbuf struct strbuf out = {0};

	expect_cause(b, "pinging container registry r: Get \"https://r/v2/\": http: server gave HTTP response to HTTPS client", "plain http",
		     "'location = \"registry.example:5000\"', 'insecure = true'");
	expect_cause(d, "ERROR: Head \"https://r/v2/\": http: server gave HTTP response to HTTPS client", "plain http",
		     "add \"registry.example:5000\" to 'insecure-registries'");
	expect_cause(b, "reading manifest sha256:0 in r/debian: manifest unknown: manifest unknown", "no such image", "skopeo");
	expect_cause(d, "failed to solve: r/debian@sha256:0: not found", "no such image", "imagetools");
	expect_cause(b, "reading manifest sha256:0 in r/debian: unauthorized: authentication required", "a user and a password",
		     "'buildah login registry.example:5000'");
	expect_cause(d, "ERROR: failed to authorize: no basic auth credentials", "a user and a password", "'docker login registry.example:5000'");
	expect_cause(d, "pull access denied, repository does not exist or may require authorization", "denies it", "docker login");
	expect_cause(b, "Get \"https://r/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", "cannot be reached", "'registry.example:5000'");
	expect_cause(b, "Get \"https://r/v2/\": dial tcp: lookup r: no such host", "cannot be reached", "'registry.example:5000'");
	expect_cause(d, "Get \"https://r/v2/\": x509: certificate signed by unknown authority", "not trusted", "/etc/docker/certs.d/registry.example:5000/");
	expect_cause(b, "choosing image instance: no image found in manifest list for architecture amd64", "architecture", "an index");
	expect_cause(b, "reading blob sha256:0: toomanyrequests: slow down", "more requests", "later");
	expect_cause(b, "Get \"https://r/v2/\": context deadline exceeded", "in time", "try again");
	expect_cause(b, "writing blob: no space left on device", NULL, NULL);

	/* Without a registry in its name the engine's own is meant. */
	assert_true(pull_explain(&e, "library/debian@sha256:0", "unauthorized", &out));
	assert_non_null(strstr(strbuf_text(&out), "'buildah login REGISTRY'"));
}

/* A client that answers with these. */
static const char *fake_client(struct arena *a, const char *out, const char *complaint, int status)
{
	autoerror struct error err = {0};
	static const char path[] = "./fake-client";
	const char *text = arena_printf(a, "#!/bin/sh\necho '%s'\necho '%s' >&2\nexit %d\n", out, complaint, status);

	assert_int_equal(file_write(path, text, strlen(text), &err), 0);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

TEST(docker_tells_of_many_images_at_once)
{
	static const char *const tags[] = {"localhost/a:1", "localhost/b:1", "localhost/c:1"};
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e = {.driver = &engine_docker, .arena = &a};
	struct engine_image seen[3];

	e.program = fake_client(&a, "[{\"Id\":\"sha256:a\",\"RootFS\":{\"Layers\":[\"sha256:1\"]}},{\"Id\":\"sha256:c\",\"RepoDigests\":[\"c@sha256:d\"]}]",
				"Error: No such image: localhost/b:1", 1);
	assert_int_equal(engine_inspect_all(&e, tags, 3, seen, &err), 0);
	assert_string_equal(seen[0].id, "sha256:a");
	assert_int_equal(seen[0].layer_count, 1);
	assert_string_equal(seen[0].layers[0], "sha256:1");
	assert_null(seen[1].id);
	assert_string_equal(seen[2].id, "sha256:c");
	assert_string_equal(seen[2].digest, "sha256:d");
	/* A daemon that is gone has none, and that is no answer. */
	e.program = fake_client(&a, "[]", "Cannot connect to the Docker daemon", 1);
	assert_int_equal(engine_inspect_all(&e, tags, 3, seen, &err), -1);
	assert_non_null(strstr(err.text, "Cannot connect"));
}

TEST(storage_is_looked_at_before_its_client_is_asked)
{
	static const char images[] = "[{\"id\":\"00\",\"names\":[\"localhost/broken:1\"]},{\"names\":[\"localhost/nobody:1\"]}]";
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e = {.driver = &engine_buildah, .arena = &a, .storage_driver = "vfs"};
	struct engine_image seen;

	e.program = fake_client(&a, "", "asked", 1);
	e.storage = "./fake-storage";
	const char *path = arena_printf(&a, "%s/vfs-images/images.json", e.storage);

	assert_int_equal(file_make_parents(path, &err), 0);
	assert_int_equal(file_write(path, images, strlen(images), &err), 0);
	assert_int_equal(engine_buildah.inspect(&e, "localhost/none:1", &seen, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	/* The client has the last word where the files are not as they should be, where a name may stand for several, and where there are other folders. */
	static const char *const unsure[] = {"localhost/broken:1",
					     "none:1",
					     "team/none:1",
					     "localhost/none@sha256:00",
					     "localhost/none",
					     "localhost/nobody:1",
					     "localhost/a//none:1",
					     "localhost/None:1",
					     "docker.io/library/none:1",
					     "docker.io/none:1",
					     "index.docker.io/none:1"};

	for (size_t i = 0; i < ARRAY_LEN(unsure); i++) {
		error_release(&err);
		assert_int_equal(engine_buildah.inspect(&e, unsure[i], &seen, &err), -1);
		assert_non_null(strstr(err.text, "asked"));
	}
	e.has_more_storage = true;
	error_release(&err);
	assert_int_equal(engine_buildah.inspect(&e, "localhost/none:1", &seen, &err), -1);
	assert_non_null(strstr(err.text, "asked"));
}
