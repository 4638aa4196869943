#include "unit.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "diff/diff.h"
#include "diff/step.h"
#include "release/release.h"
#include "report/report.h"

/* Releases written down in short: each pin "name version containers", containers as letters c(i-cpu) g(i-gpu) l(i-lint) a(rm); a capital letter: declared. */
struct pin_row {
	const char *name, *version, *in, *required, *index, *sha256;
};
struct system_row {
	const char *name, *version, *architecture;
};

static const char *const letters = "acgl", *const names[] = {"ci-arm", "ci-cpu", "ci-gpu", "ci-lint"};

static const char *container_of(char letter)
{
	return names[strchr(letters, letter | 0x20) - letters];
}

static void add_environment(struct release *r, const char *name)
{
	*arena_push(&r->arena, &r->lock.environments, &r->lock.environment_count) = (struct lock_environment){
		.name = name, .python = "3.11", .implementation = "cpython", .os = "linux", .machine = "x86_64", .libc = "glibc", .libc_version = "2.36"};
}

static void add_containers(struct release *r, const char *which, const char *environment)
{
	add_environment(r, environment);
	for (; *which; which++) {
		struct lock_container *c = arena_push(&r->arena, &r->lock.containers, &r->lock.container_count);
		struct snapshot *s = arena_push(&r->arena, &r->snapshots, &r->snapshot_count);

		*c = (struct lock_container){.name = container_of(*which), .environment = environment, .inputs = "same"};
		*s = (struct snapshot){.container = c->name, .image_id = arena_printf(&r->arena, "sha256:%s-%s", r->name, c->name)};
		*arena_push(&r->arena, &c->groups, &c->group_count) = "core";
	}
}

static struct lock_container *find_container(struct release *r, const char *name)
{
	return (struct lock_container *)(uintptr_t)lock_container(&r->lock, name);
}

static void add_pins(struct release *r, const struct pin_row *rows, size_t count)
{
	struct arena *a = &r->arena;

	for (size_t i = 0; i < count; i++) {
		struct pin *pin = arena_push(a, &r->lock.pins, &r->lock.pin_count);
		const char *plain = rows[i].name + strspn(rows[i].name, "+");

		*pin = (struct pin){.name = plain, .version = rows[i].version, .index = rows[i].index ? rows[i].index : "default"};
		*arena_push(a, &pin->files, &pin->file_count) = (struct lock_file){.name = arena_printf(a, "%s-%s-py3-none-any.whl", plain, pin->version),
										   .sha256 = rows[i].sha256 ? rows[i].sha256 : "aa"};
		if (rows[i].required)
			*arena_push(a, &pin->edges, &pin->edge_count) = (struct lock_edge){.name = rows[i].required};
		if (strchr(rows[i].in, '{')) {
			*arena_push(a, &pin->layers, &pin->layer_count) = rows[i].in;
			continue;
		}
		for (const char *in = rows[i].in; *in; in++) {
			struct lock_container *c = find_container(r, container_of(*in));

			*arena_push(a, &pin->containers, &pin->container_count) = c->name;
			if (*in < 'a')
				*arena_push(a, &c->direct, &c->direct_count) = arena_printf(a, "%s%s", plain, rows[i].name == plain ? "" : ">=1");
		}
	}
	lock_sort(&r->lock);
}

static void add_system(struct release *r, const char *container, const struct system_row *rows, size_t count)
{
	for (size_t i = 0; i < r->snapshot_count; i++) {
		struct snapshot *s = &r->snapshots[i];

		for (size_t j = 0; j < count && !strcmp(s->container, container); j++)
			*arena_push(&r->arena, &s->system_packages, &s->system_count) =
				(struct installed_system_package){rows[j].name, rows[j].version, rows[j].architecture};
	}
}

static void add_tool(struct release *r, const char *container, const char *name, const char *version)
{
	for (size_t i = 0; i < r->snapshot_count; i++) {
		struct snapshot *s = &r->snapshots[i];

		if (!strcmp(s->container, container))
			*arena_push(&r->arena, &s->tools, &s->tool_count) = (struct installed_tool){name, version};
	}
}

static const struct pin_row old_pins[] = {
	{"+numpy", "1.26.4", "CGL", NULL, NULL, NULL},
	{"scipy", "1.11.4", "CG", "numpy", NULL, NULL},
	{"pylint", "2.17.7", "L", "astroid", NULL, NULL},
	{"astroid", "2.15.8", "l", NULL, NULL, NULL},
	{"xgboost", "2.1.0", "G", NULL, NULL, NULL},
	{"+onnx", "1.15.0", "G", NULL, NULL, NULL},
	{"+onnx", "1.16.0", "C", NULL, NULL, NULL},
	{"black", "24.1.0", "L", NULL, NULL, NULL},
	{"six", "1.16.0", "cgl", NULL, NULL, NULL},
	{"attrs", "23.2.0", "cg", NULL, NULL, NULL},
	{"docutils", "0.20", "cgl", NULL, NULL, NULL},
	{"same", "1.0", "CGL", NULL, NULL, NULL},
	{"nvidia-cuda-nvcc", "13.0.48", "cuda{from=wheels,version=13.0}", NULL, NULL, NULL},
	{"nvidia-nvvm", "13.0.48", "cuda{from=wheels,version=13.0}", NULL, NULL, NULL},
};
static const struct pin_row new_pins[] = {
	{"+numpy", "2.0.1", "CGL", NULL, NULL, NULL},
	{"scipy", "1.11.5", "CG", "numpy", NULL, NULL},
	{"pylint", "2.17.7", "L", "astroid", NULL, "bb"},
	{"astroid", "2.16.0", "l", NULL, NULL, NULL},
	{"xgboost", "2.1.1", "GA", "new-thing", NULL, NULL},
	{"onnx", "1.16.0", "CG", NULL, NULL, NULL},
	{"black", "23.12.0", "L", NULL, NULL, NULL},
	{"docutils", "0.20", "cgl", NULL, "mirror", NULL},
	{"attrs", "23.2.0", "cgl", NULL, NULL, NULL},
	{"same", "1.0", "CGLA", NULL, NULL, NULL},
	{"new-thing", "0.1", "ga", NULL, NULL, NULL},
	{"only-arm", "4.0", "A", NULL, NULL, NULL},
	{"nvidia-cuda-nvcc", "13.1.0", "cuda{from=wheels,version=13.1}", NULL, NULL, NULL},
	{"nvidia-nvvm", "13.1.0", "cuda{from=wheels,version=13.1}", NULL, NULL, NULL},
};
static const struct system_row old_system[] = {
	{"dpkg", "1.21.22", "amd64"}, {"libc6", "2.36-9+deb12u4", "amd64"}, {"libc6", "2.36-9+deb12u4", "i386"}, {"tzdata", "2024a-0", "all"}};
static const struct system_row new_system[] = {
	{"curl", "7.88.1-10", "amd64"}, {"dpkg", "1.21.22", "amd64"}, {"libc6", "2.36-9+deb12u7", "amd64"}, {"libc6", "2.36-9+deb12u4", "i386"}};

static void make_old(struct release *r)
{
	r->name = "v0.1";
	add_containers(r, "cgl", "cp311-linux-x86_64-glibc2.36");
	add_pins(r, old_pins, ARRAY_LEN(old_pins));
	add_tool(r, "ci-cpu", "gcc", "12.2.0");
	add_tool(r, "ci-gpu", "gcc", "12.2.0");
	add_tool(r, "ci-gpu", "nvcc", "13.0.48");
	add_system(r, "ci-cpu", old_system, ARRAY_LEN(old_system));
	add_system(r, "ci-gpu", old_system, ARRAY_LEN(old_system));
}

static void make_new(struct release *r)
{
	r->name = "v0.2";
	r->lock.cut_off_unix = 1795405560;
	add_containers(r, "acgl", "cp311-linux-x86_64-glibc2.36");
	add_pins(r, new_pins, ARRAY_LEN(new_pins));
	find_container(r, "ci-cpu")->inputs = "changed";
	add_environment(r, "cp312-linux-x86_64-glibc2.36");
	find_container(r, "ci-lint")->environment = "cp312-linux-x86_64-glibc2.36";
	find_container(r, "ci-lint")->groups[0] = "lint";
	add_tool(r, "ci-cpu", "gcc", "12.2.0");
	add_tool(r, "ci-gpu", "gcc", "12.3.0");
	add_tool(r, "ci-gpu", "nvcc", "13.1.0");
	add_system(r, "ci-cpu", new_system, ARRAY_LEN(new_system));
	add_system(r, "ci-gpu", old_system, ARRAY_LEN(old_system));
}

/* One release holds its lock's memory too. */
static void drop(struct release *r)
{
	arena_release(&r->arena);
}

static const struct change *row_of(const struct change_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!strcmp(list->rows[i].name, name))
			return &list->rows[i];
	}
	return NULL;
}

static enum change_class class_of(const struct change_list *list, const char *name)
{
	const struct change *row = row_of(list, name);

	return row ? row->class : CHANGE_NONE;
}

TEST(classifies_steps)
{
	static const struct {
		const char *old, *new;
		enum change_class class;
	} steps[] = {
		{"1.0", "1.0", CHANGE_NONE},          {"1.0", "2.0", CHANGE_MAJOR},          {"1.0", "1.1", CHANGE_MINOR},
		{"1.1", "1.1.1", CHANGE_PATCH},       {"1.1.1.1", "1.1.1.2", CHANGE_PATCH},  {"1.1rc1", "1.1", CHANGE_PATCH},
		{"1.1", "1.1.post1", CHANGE_PATCH},   {"1.1+cpu", "1.1+cu12", CHANGE_PATCH}, {"2.0", "1!1.0", CHANGE_MAJOR},
		{"1.10", "1.9", CHANGE_DOWNGRADED},   {"24.1", "24.2", CHANGE_MINOR},        {"1", "1.0.1", CHANGE_PATCH},
		{"1.0", "1.0rc1", CHANGE_DOWNGRADED}, {"0!1.0", "1.1", CHANGE_MINOR},
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		assert_int_equal(step_python(steps[i].old, steps[i].new), steps[i].class);
	assert_int_equal(step_system("1.0-1", "1.0-1"), CHANGE_NONE);
	assert_int_equal(step_system("1.0-1", "1.0-2"), CHANGE_UPGRADED);
	assert_int_equal(step_system("1:1.0-1", "2.0-1"), CHANGE_DOWNGRADED);
}

TEST(orders_system_versions)
{
	/* Each is below the next (deb-version(7)). */
	static const char *const ordered[] = {"1.0~~",          "1.0~~a",          "1.0~", "1.0",      "1.0-1",  "1.0-1.1", "1.0-2",
					      "1.0-10",         "1.0-10+b1",       "1.0a", "1.0+dfsg", "1.0.1",  "1.1",     "1.10",
					      "2.36-9+deb12u4", "2.36-9+deb12u10", "10",   "1:0.1",    "2:0.01", "2:0.2"};

	for (size_t i = 0; i < ARRAY_LEN(ordered); i++) {
		for (size_t j = 0; j < ARRAY_LEN(ordered); j++) {
			int order = system_version_compare(ordered[i], ordered[j]);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
	assert_int_equal(system_version_compare("1.0", "1.00"), 0);
	assert_int_equal(system_version_compare("0:1", "1"), 0);
}

TEST(classifies_packages)
{
	autoarena struct arena a = {0};
	struct release old = {0}, new = {0};

	make_old(&old);
	make_new(&new);
	const struct changes *changes = changes_between_releases(&a, &old, &new, NULL);
	const struct change_list *packages = &changes->packages;

	assert_true(changes_any(changes));
	assert_int_equal(class_of(packages, "numpy"), CHANGE_MAJOR);
	assert_int_equal(class_of(packages, "scipy"), CHANGE_PATCH);
	assert_int_equal(class_of(packages, "astroid"), CHANGE_MINOR);
	assert_int_equal(class_of(packages, "pylint"), CHANGE_FILES);
	assert_int_equal(class_of(packages, "docutils"), CHANGE_ORIGIN);
	assert_int_equal(class_of(packages, "black"), CHANGE_DOWNGRADED);
	assert_int_equal(class_of(packages, "six"), CHANGE_REMOVED);
	assert_int_equal(class_of(packages, "new-thing"), CHANGE_ADDED);
	assert_int_equal(class_of(packages, "attrs"), CHANGE_ADDED); /* in ci-lint now too */
	assert_false(row_of(packages, "attrs")->joint);
	assert_null(row_of(packages, "same"));
	assert_int_equal(packages->same_count, 1);
	/* What differs between containers has a cell for each; what a new container brings along is no change of the old ones. */
	assert_false(row_of(packages, "onnx")->joint);
	assert_int_equal(row_of(packages, "onnx")->cell_count, 2);
	assert_true(row_of(packages, "xgboost")->joint);
	assert_int_equal(row_of(packages, "xgboost")->cell_count, 1);
	assert_string_equal(row_of(packages, "onnx")->old_declared, "onnx>=1");
	assert_string_equal(row_of(packages, "onnx")->new_declared, "onnx");
	assert_string_equal(row_of(packages, "new-thing")->required_by[0], "xgboost");
	for (size_t i = 1; i < packages->count; i++)
		assert_true(packages->rows[i - 1].direct >= packages->rows[i].direct);
	/* A layer with another option is the same layer. */
	assert_int_equal(class_of(&changes->toolchain, "nvidia-nvvm"), CHANGE_MINOR);
	assert_string_equal(row_of(&changes->toolchain, "nvidia-nvvm")->cells[0].container, "cuda");
	assert_int_equal(class_of(&changes->tools, "nvcc"), CHANGE_MINOR);
	assert_int_equal(class_of(&changes->system_packages, "libc6"), CHANGE_UPGRADED);
	assert_null(row_of(&changes->system_packages, "libc6:i386"));
	assert_int_equal(class_of(&changes->system_packages, "tzdata"), CHANGE_REMOVED);
	assert_int_equal(class_of(&changes->system_packages, "curl"), CHANGE_ADDED);
	drop(&old);
	drop(&new);
}

TEST(tells_sameness)
{
	autoarena struct arena a = {0};
	struct release old = {0}, same = {0};

	make_old(&old);
	make_old(&same);
	same.name = "v0.2";
	same.lock.cut_off_unix = 99;
	same.snapshots[0].image_id = "another build of the same";
	const struct changes *changes = changes_between_releases(&a, &old, &same, NULL);

	assert_false(changes_any(changes));
	assert_int_equal(changes->packages.same_count, 11);
	find_container(&same, "ci-cpu")->inputs = "changed";
	assert_true(changes_any(changes_between_releases(&a, &old, &same, NULL)));
	assert_false(changes_any(changes_between_releases(&a, &old, &same, "ci-gpu")));
	drop(&old);
	drop(&same);
}

/* Compares with tests/golden/report/<name>; LOCKSTEP_TEST_UPDATE=1 writes it anew. */
static void check_golden(const char *name, const struct strbuf *seen)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf expected = {0};
	autoerror struct error err = {0};
	const char *root = getenv("ROOT"), *path = arena_printf(&a, "%s/tests/golden/report/%s", root ? root : ".", name);

	if (getenv("LOCKSTEP_TEST_UPDATE")) {
		assert_int_equal(file_make_parents(path, &err), 0);
		assert_int_equal(file_write(path, seen->text, seen->length, &err), 0);
	}
	assert_int_equal(file_read(path, 1 << 20, &expected, &err), 0);
	assert_string_equal(strbuf_text(seen), strbuf_text(&expected));
}

static void check_report(const char *name, const struct changes *changes, struct report_options options)
{
	autostrbuf struct strbuf out = {0};

	report_changes(changes, &options, &out);
	check_golden(name, &out);
}

TEST(reports)
{
	autoarena struct arena a = {0};
	struct release old = {0}, new = {0};

	make_old(&old);
	make_new(&new);
	const struct changes *changes = changes_between_releases(&a, &old, &new, NULL);

	check_report("changes.txt", changes, (struct report_options){.format = REPORT_TEXT});
	check_report("changes-system.txt", changes, (struct report_options){.format = REPORT_TEXT, .system_packages = true});
	check_report("changes.md", changes, (struct report_options){.format = REPORT_MARKDOWN});
	check_report("changes.json", changes, (struct report_options){.format = REPORT_JSON});
	changes = changes_between_releases(&a, &new, &old, NULL);
	check_report("back.txt", changes, (struct report_options){.format = REPORT_TEXT});
	changes = changes_between_releases(&a, NULL, &new, NULL);
	check_report("first.txt", changes, (struct report_options){.format = REPORT_TEXT});
	check_report("first.md", changes, (struct report_options){.format = REPORT_MARKDOWN});
	changes = changes_between_releases(&a, &old, &new, "ci-gpu");
	check_report("one-container.txt", changes, (struct report_options){.format = REPORT_TEXT});
	changes = changes_between_releases(&a, &old, &old, NULL);
	check_report("same.txt", changes, (struct report_options){.format = REPORT_TEXT});
	check_report("same.md", changes, (struct report_options){.format = REPORT_MARKDOWN});
	changes = changes_between_locks(&a, "v0.1", &old.lock, "the new lock", &new.lock, NULL);
	check_report("locks.txt", changes, (struct report_options){.format = REPORT_TEXT});
	drop(&old);
	drop(&new);
}

static void add_layers(struct release *r, const char *container, const char *layer)
{
	struct lock_container *c = find_container(r, container);

	*arena_push(&r->arena, &c->layers, &c->layer_count) = layer;
}

/* Seen from one container: its own toolchain, though another container has another use of the same layer. */
TEST(toolchain_of_one_container)
{
	static const struct pin_row before[] = {{"nvcc", "13.0", "cuda{version=13.0}", NULL, NULL, NULL},
						{"nvcc", "12.0", "cuda{version=12.0}", NULL, NULL, NULL}},
				    after[] = {{"nvcc", "13.1", "cuda{version=13.1}", NULL, NULL, NULL},
					       {"nvcc", "12.0", "cuda{version=12.0}", NULL, NULL, NULL}};
	autoarena struct arena a = {0};
	struct release old = {.name = "v0.1"}, new = {.name = "v0.2"};

	add_containers(&old, "cgl", "e");
	add_containers(&new, "cgl", "e");
	add_pins(&old, before, ARRAY_LEN(before));
	add_pins(&new, after, ARRAY_LEN(after));
	assert_int_equal(changes_between_locks(&a, "v0.1", &old.lock, "v0.2", &new.lock, "ci-gpu")->toolchain.count, 0);
	add_layers(&old, "ci-gpu", "cuda{version=13.0}");
	add_layers(&new, "ci-gpu", "cuda{version=13.1}");
	add_layers(&old, "ci-cpu", "cuda{version=12.0}");
	add_layers(&new, "ci-cpu", "cuda{version=12.0}");
	const struct changes *changes = changes_between_locks(&a, "v0.1", &old.lock, "v0.2", &new.lock, "ci-gpu");

	assert_int_equal(changes->toolchain.count, 1);
	assert_int_equal(changes->toolchain.rows[0].class, CHANGE_MINOR);
	assert_string_equal(changes->toolchain.rows[0].cells[0].container, "cuda");
	assert_string_equal(changes->toolchain.rows[0].cells[0].old_version, "13.0");
	assert_int_equal(changes_between_locks(&a, "v0.1", &old.lock, "v0.2", &new.lock, "ci-cpu")->toolchain.count, 0);
	assert_int_equal(changes_between_locks(&a, "v0.1", &old.lock, "v0.2", &new.lock, "ci-lint")->toolchain.count, 0);
	drop(&old);
	drop(&new);
}

/* A lock may have been written by anybody. */
TEST(escapes)
{
	static const struct pin_row pins[] = {{"a|b`<script>\x1b[31m@all", "1`2", "C", NULL, NULL, NULL}};
	autoarena struct arena a = {0};
	struct release old = {0}, new = {0};

	old.name = "v0.1";
	new.name = "v0.2\x1b]0;x";
	add_containers(&old, "c", "e");
	add_containers(&new, "c", "e");
	add_pins(&new, pins, 1);
	const struct changes *changes = changes_between_releases(&a, &old, &new, NULL);

	check_report("hostile.txt", changes, (struct report_options){.format = REPORT_TEXT});
	check_report("hostile.md", changes, (struct report_options){.format = REPORT_MARKDOWN});
	check_report("hostile.json", changes, (struct report_options){.format = REPORT_JSON});
	drop(&old);
	drop(&new);
}

/* With more containers than columns, a line for each step. */
TEST(groups_many_containers)
{
	autoarena struct arena a = {0};
	struct release old = {0}, new = {0};

	for (unsigned side = 0; side < 2; side++) {
		struct release *r = side ? &new : &old;
		struct pin *pins = arena_array(&r->arena, 2, sizeof(*pins));

		r->name = side ? "v0.2" : "v0.1";
		add_environment(r, "e");
		for (unsigned i = 0; i < 20; i++) {
			const char *name = arena_printf(&r->arena, "ci-%02u", i);
			struct pin *pin = &pins[i % 3 == 0];

			*arena_push(&r->arena, &r->lock.containers, &r->lock.container_count) = (struct lock_container){.name = name, .environment = "e"};
			*arena_push(&r->arena, &pin->containers, &pin->container_count) = name;
		}
		pins[0].name = pins[1].name = "numpy";
		pins[0].version = side ? "2.0" : "1.0";
		pins[1].version = side ? "1.2" : "1.1";
		pins[0].index = pins[1].index = "default";
		r->lock.pins = pins;
		r->lock.pin_count = 2;
		lock_sort(&r->lock);
	}
	const struct changes *changes = changes_between_locks(&a, "v0.1", &old.lock, "v0.2", &new.lock, NULL);

	check_report("many.txt", changes, (struct report_options){.format = REPORT_TEXT});
	check_report("many.md", changes, (struct report_options){.format = REPORT_MARKDOWN});
	drop(&old);
	drop(&new);
}

/* ci-cpu is locked for arm too; "o" is the old release. */
static void add_further_pins(struct release *r, const char *numpy_arm, bool with_further)
{
	struct arena *a = &r->arena;
	const char *const rows[][3] = {{"numpy", numpy_arm, "arm"}, {"numpy", "2.0", "intel"}, {"scipy", numpy_arm, NULL}};

	*r = (struct release){.name = "x"};
	add_containers(r, "c", "intel");
	if (with_further)
		*arena_push(a, &r->lock.containers->further, &r->lock.containers->further_count) = "arm";
	for (size_t i = with_further ? 0 : 1; i < ARRAY_LEN(rows); i++) {
		struct pin *pin = arena_push(a, &r->lock.pins, &r->lock.pin_count);

		*pin = (struct pin){.name = rows[i][0], .version = rows[i][1], .index = "default"};
		*arena_push(a, &pin->containers, &pin->container_count) = "ci-cpu";
		if (rows[i][2] && with_further)
			*arena_push(a, &pin->environments, &pin->environment_count) = rows[i][2];
	}
	lock_sort(&r->lock);
}

TEST(environments_that_are_not_built_move_by_themselves)
{
	struct release old, new, without;
	autoarena struct arena a = {0};

	add_further_pins(&old, "1.0", true);
	add_further_pins(&new, "1.1", true);
	add_further_pins(&without, "1.0", false);
	const struct changes *c = changes_between_locks(&a, "o", &old.lock, "n", &new.lock, NULL);

	/* scipy moved in the image too, and just so. */
	assert_int_equal(c->packages.count, 1);
	assert_string_equal(c->packages.rows[0].name, "scipy");
	assert_int_equal(c->further.count, 1);
	assert_string_equal(c->further.rows[0].name, "numpy");
	assert_int_equal(c->further.rows[0].cell_count, 1);
	assert_string_equal(c->further.rows[0].cells[0].container, "ci-cpu on arm");
	assert_string_equal(c->further.rows[0].cells[0].old_version, "1.0");
	assert_string_equal(c->further.rows[0].cells[0].new_version, "1.1");
	c = changes_between_locks(&a, "o", &without.lock, "n", &old.lock, NULL);
	assert_true(changes_any(c));
	assert_int_equal(c->packages.count + c->further.count, 0);
	assert_int_equal(c->containers[0].new_further_count, 1);
	assert_string_equal(c->containers[0].new_further[0], "arm");
	c = changes_between_locks(&a, "o", &old.lock, "n", &old.lock, NULL);
	assert_false(changes_any(c));
	release_free(&old);
	release_free(&new);
	release_free(&without);
}

static struct pin *pin_named(struct release *r, const char *name)
{
	for (size_t i = 0; i < r->lock.pin_count; i++) {
		if (!strcmp(r->lock.pins[i].name, name))
			return &r->lock.pins[i];
	}
	fail_msg("no pin %s", name);
	return NULL;
}

static void take_from(struct release *r, const char *name, const char *reference)
{
	pin_named(r, name)->index = NULL;
	pin_named(r, name)->reference = reference;
}

static void build_from(struct release *r, const char *name, const char *source, const char *wheel)
{
	pin_named(r, name)->files[0].built_from = source;
	pin_named(r, name)->files[0].sha256 = wheel;
}

static void add_archive(struct release *r, const char *name, const char *url, const char *sha256, const char *layer)
{
	struct lock_archive *archive = arena_push(&r->arena, &r->lock.archives, &r->lock.archive_count);

	*archive = (struct lock_archive){.name = name, .url = url, .size_bytes = 3, .sha256 = sha256};
	*arena_push(&r->arena, &archive->layers, &archive->layer_count) = layer;
}

static void add_deb(struct release *r, const char *name, const char *version, const char *sha256, const char *stage)
{
	struct lock_deb *deb = arena_push(&r->arena, &r->lock.debs, &r->lock.deb_count);

	*deb = (struct lock_deb){.name = name, .version = version, .architecture = "amd64", .sha256 = sha256};
	*arena_push(&r->arena, &deb->stages, &deb->stage_count) = stage;
	for (size_t i = 0; i < r->lock.container_count; i++) {
		if (text_starts_with(stage, r->lock.containers[i].name))
			r->lock.containers[i].debian = "digests";
	}
}

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct pin_row origin_pins[] = {
	{"again", "1.0", "cg", NULL, NULL, NULL},        {"committed", "1.0", "cg", NULL, NULL, NULL}, {"from-index", "1.0", "cg", NULL, NULL, NULL},
	{"from-source", "1.0", "cg", NULL, NULL, NULL},  {"moved-up", "1.0", "cg", NULL, NULL, NULL},  {"no-source", "1.0", "cg", NULL, NULL, NULL},
	{"other-source", "1.0", "cg", NULL, NULL, NULL},
};
static const struct pin_row moved_pins[] = {
	{"again", "1.0", "cg", NULL, NULL, NULL},       {"committed", "1.0", "cg", NULL, NULL, NULL},    {"from-index", "1.0", "cg", NULL, NULL, NULL},
	{"from-source", "1.0", "cg", NULL, NULL, NULL}, {"moved-up", "2.0", "cg", NULL, "mirror", NULL}, {"new", "3.0", "cg", NULL, NULL, NULL},
	{"no-source", "1.0", "cg", NULL, NULL, NULL},   {"other-source", "1.0", "cg", NULL, NULL, NULL},
};

static void make_origins(struct release *old, struct release *new)
{
	old->name = "v0.1";
	new->name = "v0.2";
	add_containers(old, "cgl", "e");
	add_containers(new, "cgl", "e");
	add_pins(old, origin_pins, ARRAY_LEN(origin_pins));
	add_pins(new, moved_pins, ARRAY_LEN(moved_pins));
	take_from(old, "committed", "git+https://host/x@0123456789abcdef0123456789abcdef01234567#subdirectory=x");
	take_from(new, "committed", "git+https://host/x@76543210fedcba9876543210fedcba9876543210#subdirectory=x");
	take_from(new, "from-index", "vendor/from_index-1.0-py3-none-any.whl");
	take_from(new, "new", "https://host/new-3.0-py3-none-any.whl");
	build_from(new, "new", DIGEST_A, "n");
	build_from(new, "from-source", DIGEST_A, "n");
	build_from(old, "no-source", DIGEST_A, "n");
	build_from(old, "again", DIGEST_A, "o");
	build_from(new, "again", DIGEST_A, "n");
	build_from(old, "other-source", DIGEST_A, "o");
	build_from(new, "other-source", DIGEST_B, "n");
	add_archive(old, "llvm.tar.xz", "https://host/llvm.tar.xz", DIGEST_A, "llvm");
	add_archive(new, "llvm.tar.xz", "https://mirror/llvm.tar.xz", DIGEST_A, "llvm");
	add_archive(old, "tool-1.tar.gz", "https://host/tool-1.tar.gz", DIGEST_A, "tool{version=1}");
	add_archive(new, "tool-2.tar.gz", "https://host/tool-2.tar.gz", DIGEST_B, "tool{version=2}");
	add_archive(old, "same-name.tar", "https://host/same-name.tar", DIGEST_A, "tool{version=1}");
	add_archive(new, "same-name.tar", "https://host/same-name.tar", DIGEST_B, "tool{version=2}");
	add_archive(old, "untouched.tar", "https://host/untouched.tar", DIGEST_A, "tool{version=1}");
	add_archive(new, "untouched.tar", "https://host/untouched.tar", DIGEST_A, "tool{version=2}");
	add_deb(new, "gcc", "12", DIGEST_A, "ci-cpu/layer-gcc");
	add_deb(old, "libc6", "1", DIGEST_A, "ci-gpu/system");
	add_deb(new, "libc6", "1", DIGEST_B, "ci-gpu/system");
	add_deb(old, "perl", "5", DIGEST_A, "ci-lint/system");
	lock_sort(&old->lock);
	lock_sort(&new->lock);
}

/* Where things are taken from, what they are made of, and whether they are locked at all. */
TEST(tells_origins)
{
	autoarena struct arena a = {0};
	struct release old = {0}, new = {0};

	make_origins(&old, &new);
	const struct changes *changes = changes_between_releases(&a, &old, &new, NULL);

	check_report("origins.txt", changes, (struct report_options){.format = REPORT_TEXT});
	check_report("origins.md", changes, (struct report_options){.format = REPORT_MARKDOWN});
	check_report("origins.json", changes, (struct report_options){.format = REPORT_JSON});
	changes = changes_between_locks(&a, "v0.1", &old.lock, "the new lock", &new.lock, NULL);
	check_report("origins-locks.txt", changes, (struct report_options){.format = REPORT_TEXT, .system_packages = true});
	changes = changes_between_locks(&a, "v0.1", &old.lock, "the new lock", &new.lock, "ci-lint");
	assert_true(changes_any(changes));
	assert_int_equal(changes->unlocked_container_count, 1);
	/* What the images have is the same. */
	assert_false(changes_any(changes_between_releases(&a, &old, &new, "ci-lint")));
	assert_int_equal(changes->system_packages.count, 0);
	drop(&old);
	drop(&new);
}

/* What requires a package is told as it is in the containers that are compared. */
TEST(tells_only_requirements_that_hold)
{
	static const struct pin_row before[] = {{"here", "1", "c", "leaf", NULL, NULL},
						{"leaf", "1", "cg", NULL, NULL, NULL},
						{"old-python", "1", "c", "leaf", NULL, NULL},
						{"there", "1", "g", "leaf", NULL, NULL},
						{"extra-only", "1", "c", "leaf", NULL, NULL}};
	autoarena struct arena a = {0};
	struct release old = {.name = "v0.1"}, new = {.name = "v0.2"};

	add_containers(&old, "cg", "e");
	add_containers(&new, "cg", "e");
	add_pins(&old, before, ARRAY_LEN(before));
	add_pins(&new, before, ARRAY_LEN(before));
	pin_named(&new, "leaf")->version = "2";
	pin_named(&new, "old-python")->edges[0].marker = "python_version < '3'";
	pin_named(&new, "extra-only")->edges[0].extra = "fast";
	const struct change *row = changes_between_locks(&a, "v0.1", &old.lock, "v0.2", &new.lock, "ci-cpu")->packages.rows;

	assert_int_equal(row->required_by_count, 1);
	assert_string_equal(row->required_by[0], "here");
	row = changes_between_locks(&a, "v0.1", &old.lock, "v0.2", &new.lock, NULL)->packages.rows;
	assert_int_equal(row->required_by_count, 2);
	assert_string_equal(row->required_by[1], "there");
	drop(&old);
	drop(&new);
}
