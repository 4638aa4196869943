/* What a built image answers: refused with a reason, or a snapshot in which nothing is missing. The image is one that says these bytes. */
#include "snapshot/snapshot.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "fuzz.h"
#include "recipe/database.h"

static const char *said;
static size_t said_length;

static int inspect(struct engine *e, const char *tag, struct engine_image *ret, struct error *err)
{
	(void)e, (void)tag, (void)err;
	*ret = (struct engine_image){.id = "sha256:0"};
	return 0;
}

static int run_image(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		     struct error *err)
{
	(void)e, (void)image, (void)argv, (void)input, (void)input_length, (void)err;
	*ret = (struct process_result){0};
	strbuf_add_bytes(&ret->out, said, said_length);
	return 0;
}

static const struct engine_driver driver = {.name = "fuzz", .inspect = inspect, .run = run_image};

static void check(const struct snapshot *s)
{
	for (size_t i = 0; i < s->package_count; i++) {
		FUZZ_CHECK(*s->packages[i].name && s->packages[i].version && (!i || strcmp(s->packages[i - 1].name, s->packages[i].name) <= 0));
		FUZZ_CHECK(snapshot_package(s, s->packages[i].name));
	}
	for (size_t i = 0; i < s->system_count; i++)
		FUZZ_CHECK(s->system_packages[i].name && s->system_packages[i].version && s->system_packages[i].architecture);
	for (size_t i = 0; i < s->tool_count; i++)
		FUZZ_CHECK(s->tools[i].name && s->tools[i].version);
	for (size_t i = 0; i < s->stray_count; i++)
		FUZZ_CHECK(s->strays[i].path && s->strays[i].text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct engine e = {.driver = &driver, .version = "1", .arena = &a};
	struct base base = {.python_executable = "/usr/bin/python3"};
	struct container c = {.name = "one", .base = &base};
	struct database db = {0};
	struct snapshot s = {0};

	said = (const char *)bytes;
	said_length = length;
	if (snapshot_take(&s, &e, &(struct snapshot_question){.image = "image", .container = &c}, 1, &db, &err))
		FUZZ_CHECK(err.code == ERR_ENGINE && *err.text);
	else
		check(&s);
	snapshot_release(&s);
	return 0;
}
