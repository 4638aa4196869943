#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "engine/engine.h"

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

	assert_int_equal(engine_buildah.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(argv,
		    "/usr/bin/unshare --net -- /usr/bin/buildah build --isolation chroot --layers=false --network host --format oci --force-rm --pull-never "
		    "--label 'a=b c' --file D --tag t:1 C");
	build.network = true;
	build.ca_file = "/ca.pem";
	build.labels = NULL;
	setenv("https_proxy", "http://user:secret@proxy:1", 1);
	unsetenv("http_proxy");
	unsetenv("no_proxy");
	unsetenv("HTTP_PROXY");
	unsetenv("HTTPS_PROXY");
	unsetenv("NO_PROXY");
	assert_int_equal(engine_buildah.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(argv,
		    "/usr/bin/buildah build --isolation chroot --layers=false --network host --format oci --force-rm --pull-never --secret id=ca,src=/ca.pem "
		    "--file D --tag t:1 C");
	/* A password in a proxy's address must not be seen in a list of processes. */
	e.program = "/usr/bin/docker";
	assert_int_equal(engine_docker.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(argv, "/usr/bin/docker build --progress plain --network host --build-arg https_proxy --secret id=ca,src=/ca.pem --file D --tag t:1 C");
	assert_string_equal(environment[0], "DOCKER_BUILDKIT=1");
	/* Nor one in a proxy that only apt knows. */
	build.proxies = (const char *const[]){"http_proxy=http://user:secret@apt:1", NULL};
	assert_int_equal(engine_docker.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(argv, "/usr/bin/docker build --progress plain --network host --build-arg https_proxy --build-arg http_proxy --secret id=ca,src=/ca.pem "
			  "--file D --tag t:1 C");
	assert_string_equal(environment[3], build.proxies[0]);
	assert_null(environment[4]);
	assert_int_equal(engine_buildah.build_argv(&e, &build, &argv, &environment, &err), 0);
	assert_string_equal(environment[0], build.proxies[0]);
	build.network = false;
	assert_int_equal(engine_buildah.build_argv(&e, &build, &argv, &environment, &err), 0);
	assert_null(environment);
	assert_int_equal(engine_docker.build_argv(&e, &build, &argv, &environment, &err), 0);
	expect_argv(argv, "/usr/bin/docker build --progress plain --network none --secret id=ca,src=/ca.pem --file D --tag t:1 C");
}

TEST(an_unknown_engine_is_said_with_the_near_one)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e;

	assert_int_equal(engine_find(&a, "dcoker", &e, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_string_equal(err.text, "there is no engine 'dcoker'; did you mean 'docker'?\nengines are: buildah, docker");
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
				      "docker: 'docker' is not in PATH; 'apt-get install docker.io' mends that");
}
