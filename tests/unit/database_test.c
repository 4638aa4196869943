#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "recipe/database.h"

/* A project of two containers; each case loads it with one text in it replaced. */
static const struct {
	const char *path, *text;
} base_files[] = {
	{"recipes/project.yaml", "name: tiny\nvenv: /opt/venv\nindexes: [{alias: default}, {alias: other}]\n"},
	{"recipes/python.yaml", "groups:\n"
				"  core: {description: needed}\n"
				"  onnx: {include: [core]}\n"
				"  extra: {include: [onnx]}\n"
				"  spare:\n  lone:\n"
				"packages:\n"
				"  attrs: {groups: [core]}\n"
				"  onnx: {groups: [onnx, core], range: \">=1.14,<1.17\", why: opset, link: https://x.example/1, extras: [reference, a]}\n"
				"  onnxruntime: {groups: [onnx]}\n"
				"  onnxruntime-gpu: {groups: [], index: other}\n"
				"  pylint: {groups: [extra], exact: \"2.17.7\", why: noise}\n"
				"  many:\n"
				"    groups: [core]\n"
				"    constraints:\n"
				"      - {range: \">=1\", why: always}\n"
				"      - {caret: \"^2.1\", why: x, when: llvm >= 16}\n"
				"      - {exact: \"2.1.5\", why: x, when: {container: cpu}}\n"
				"      - {not: \"!=2.2\", why: x, when: [{layer: llvm}, \"python_version < '3.10'\", {marker: \"os_name == 'posix'\"}]}\n"
				"      - {not: \"!=2.3\", why: x, when: {layer: llvm, option: name, is: clang}}\n"
				"    hold: {range: \"<3\", why: work, owner: me, review: 2099-12-31, link: https://x.example/3}\n"
				"  there: {groups: [onnx], from: {path: vendor/there-1.0.tar.gz}}\n"
				"  git: {groups: [onnx], from: {git: https://git.example/g, commit: 0123456789abcdef0123456789abcdef01234567}}\n"
				"  brought: {groups: [], range: \"<9\", why: x, constraints: [{not: \"!=8\", why: x, when: {container: gpu}}]}\n"
				"waivers:\n"
				"  - {package: a, requires: b, versions: \">=1\", why: wrong, review: 2099-12-31}\n"
				"  - {package: c, requires: b, why: wrong, review: 2099-12-31}\n"
				"build_constraints: {setuptools: {range: \"<70\", why: broken}, cython: {caret: ^3, why: x}}\n"
				"conflicts: [{groups: [spare, core], why: no}]\n"
				"differences: [{package: numpy, containers: [cpu, gpu], why: yes}]\n"},
	{"recipes/bases/deb.yaml", "description: Debian\nfrom: {mmdebstrap: {suite: bookworm, include: [python3, ca-certificates]}}\n"
				   "environment: {python: \"3.11\", machine: x86_64, libc_version: \"2.36\"}\n"
				   "further_environments: [{machine: aarch64}, {python: \"3.12\"}]\n"},
	{"vendor/there-1.0.tar.gz", "bytes\n"},
	{"recipes/layers/llvm.yaml", "description: LLVM\n"
				     "options: {version: {choices: [\"15\", \"16\"], default: \"15\"}, name: {default: clang}}\n"
				     "steps:\n"
				     "  - {apt: [\"${name}-${version}\"], why: compiler}\n"
				     "  - {run: [echo, \"$5 $${x} ${version}${name}$\"]}\n"
				     "  - {env: {PATH: \"/opt/${version}:${env:PATH}\"}}\n"
				     "  - {run: [old], when: {version: \"15\"}}\n"
				     "verify: [{name: works, run: [[\"true\"]]}]\n"},
	{"containers/cpu/container.yaml", "description: CPU\nbase: deb\nlayers: [llvm]\npython: {groups: [extra, core]}\napt: [jq, git]\nenv: {B: b, A: a}\n"},
	{"containers/gpu/container.yaml", "base: deb\nlayers: [llvm: {version: 16}]\n"
					  "python: {groups: [onnx], swaps: {onnxruntime: {with: onnxruntime-gpu, why: gpu}}}\n"},
};

static void write_file(const char *path, const char *text)
{
	autoerror struct error err = {0};

	assert_int_equal(file_make_parents(path, &err), 0);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Writes the project, with the first `from` in `path` replaced by `to`, and loads it. */
static void load_with(struct database *db, const char *path, const char *from, const char *to)
{
	autodiag struct diag d = {0};
	autoerror struct error err = {0};

	for (size_t i = 0; i < sizeof(base_files) / sizeof(*base_files); i++) {
		const char *text = base_files[i].text, *at = path && !strcmp(path, base_files[i].path) ? strstr(text, from) : NULL;
		autostrbuf struct strbuf changed = {0};

		if (path && !strcmp(path, base_files[i].path))
			assert_non_null(at);
		if (at) {
			strbuf_add_bytes(&changed, text, (size_t)(at - text));
			strbuf_add(&changed, to);
			strbuf_add(&changed, at + strlen(from));
		}
		write_file(base_files[i].path, at ? strbuf_text(&changed) : text);
	}
	assert_int_equal(database_load(db, ".", &d, &err), 0);
	if (d.error_count)
		diag_print(&d, stderr);
	assert_int_equal(d.error_count, 0);
}

static void assert_packages(struct database *db, const char *container, const char *expected)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf names = {0};
	struct package **packages;
	size_t count;

	container_packages(&a, database_container(db, container), &packages, &count);
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&names, "%s%s", i ? " " : "", packages[i]->canonical);
	assert_string_equal(strbuf_text(&names), expected);
}

TEST(containers_have_their_groups_packages)
{
	autodatabase struct database db = {0};

	load_with(&db, NULL, NULL, NULL);
	assert_packages(&db, "cpu", "attrs git many onnx onnxruntime pylint there");
	assert_packages(&db, "gpu", "attrs git many onnx onnxruntime-gpu there");
	assert_string_equal(database_package(&db, "onnx")->constraint.specifier, ">=1.14,<1.17");
	assert_string_equal(database_package(&db, "onnx")->extras[0], "a");
	assert_string_equal(database_package(&db, "pylint")->constraint.specifier, "==2.17.7");
	assert_int_equal(database_package(&db, "attrs")->constraint.kind, CONSTRAINT_LOOSE);
	assert_null(database_package(&db, "numpy"));
	assert_ptr_equal(database_group(&db, "Core"), database_group(&db, "core"));
	assert_null(database_container(&db, "none"));
	assert_string_equal(db.containers[0].base->variant, "minbase");
	assert_string_equal(db.containers[0].tag_name, "cpu");
	assert_string_equal(db.project.repository, "tiny");
}

TEST(texts_of_layers_expand)
{
	autodatabase struct database db = {0};
	autoarena struct arena a = {0};

	load_with(&db, NULL, NULL, NULL);
	const struct layer_use *use = &database_container(&db, "gpu")->layers[0];
	const struct layer_step *steps = use->layer->steps;

	assert_string_equal(layer_use_expand(&a, use, steps[0].words[0]), "clang-16");
	assert_string_equal(layer_use_expand(&a, use, steps[1].words[1]), "$5 ${x} 16clang$");
	assert_string_equal(layer_use_expand(&a, use, steps[2].value), "/opt/16:${env:PATH}");
	assert_true(layer_use_holds(use, steps[0].conditions, steps[0].condition_count));
	assert_false(layer_use_holds(use, steps[3].conditions, steps[3].condition_count));
	assert_true(layer_use_holds(&database_container(&db, "cpu")->layers[0], steps[3].conditions, steps[3].condition_count));
}

/* "specifier ; marker" of each, parted by blanks; a hold in parentheses. */
static void assert_constraints(struct database *db, const char *container, bool without_holds, const char *expected)
{
	autoarena struct arena a = {0};
	autostrbuf struct strbuf text = {0};
	struct container_constraint *list;
	size_t count;

	container_constraints(&a, database_container(db, container), database_package(db, "many"), without_holds, &list, &count);
	for (size_t i = 0; i < count; i++) {
		strbuf_printf(&text, "%s%s%s%s", i ? " " : "", list[i].hold ? "(" : "", list[i].specifier, list[i].hold ? ")" : "");
		if (list[i].marker)
			strbuf_printf(&text, ";%s", list[i].marker);
		assert_true(list[i].hold ? list[i].pos.line == 21 : list[i].pos.line < 21);
	}
	assert_string_equal(strbuf_text(&text), expected);
}

TEST(constraints_apply_where_their_conditions_hold)
{
	autodatabase struct database db = {0};
	static const char both[] = ";(os_name == \"posix\") and (python_version < \"3.10\")";
	autostrbuf struct strbuf cpu = {0}, gpu = {0};

	load_with(&db, NULL, NULL, NULL);
	strbuf_printf(&cpu, ">=1 ==2.1.5 !=2.2%s !=2.3", both);
	strbuf_printf(&gpu, ">=1 >=2.1,<3.0 !=2.2%s !=2.3", both);
	assert_constraints(&db, "cpu", true, strbuf_text(&cpu));
	assert_constraints(&db, "gpu", true, strbuf_text(&gpu));
	strbuf_add(&cpu, " (<3)");
	assert_constraints(&db, "cpu", false, strbuf_text(&cpu));
}

TEST(what_recipes_say_of_packages_is_there)
{
	autodatabase struct database db = {0};

	load_with(&db, NULL, NULL, NULL);
	const struct package *many = database_package(&db, "many"), *there = database_package(&db, "there"), *git = database_package(&db, "git");

	assert_int_equal(many->constraint.kind, CONSTRAINT_LOOSE);
	assert_int_equal(many->constraint_count, 5);
	assert_int_equal(many->constraints[1].kind, CONSTRAINT_CARET);
	assert_string_equal(many->constraints[1].when->option, "version");
	assert_string_equal(many->constraints[1].when->specifier, ">=16");
	assert_string_equal(many->constraints[4].when->value, "clang");
	assert_ptr_equal(many->constraints[2].when->container, database_container(&db, "cpu"));
	assert_string_equal(many->hold->owner, "me");
	assert_string_equal(many->hold->review, "2099-12-31");
	assert_int_equal(there->reference->kind, REFERENCE_PATH);
	assert_string_equal(there->reference->version, "1.0");
	assert_string_equal(there->reference->sha256, "95cc8e8ec552664096b998c62dfd5dfd0a41c96154de6814d918d1ca34bfc225");
	assert_int_equal(git->reference->kind, REFERENCE_GIT);
	assert_null(git->reference->version);
	assert_int_equal(db.waiver_count, 2);
	assert_string_equal(db.waivers[0].specifier, ">=1");
	assert_string_equal(db.waivers[1].specifier, "");
	assert_int_equal(db.build_constraint_count, 2);
	assert_string_equal(db.build_constraints[0].canonical, "cython");
	assert_string_equal(db.build_constraints[0].constraint.specifier, ">=3,<4");
	assert_int_equal(db.bases[0].further_count, 2);
	assert_string_equal(db.bases[0].further[0].machine, "aarch64");
	assert_string_equal(db.bases[0].further[1].libc_version, "2.36");
	assert_string_equal(db.project.resolver, "uv");
}

struct digests {
	char all[65], cpu[65], gpu[65];
};

static struct digests digests_with(const char *path, const char *from, const char *to)
{
	autodatabase struct database db = {0};
	struct digests ret;

	load_with(&db, path, from, to);
	database_digest(&db, ret.all);
	container_digest(database_container(&db, "cpu"), &db, ret.cpu);
	container_digest(database_container(&db, "gpu"), &db, ret.gpu);
	return ret;
}

struct change {
	const char *path, *from, *to;
	bool all, cpu, gpu; /* the digests it changes */
};

static const struct change changes[] = {
	/* What says nothing of a lock or an image. */
	{"recipes/project.yaml", "name: tiny\n", "# a comment\nname:   'tiny'\n", false, false, false},
	{"recipes/project.yaml", "name: tiny\nvenv: /opt/venv\n", "venv: /opt/venv\nname: tiny\n", false, false, false},
	{"recipes/python.yaml", "description: needed", "description: other", false, false, false},
	{"recipes/python.yaml", "why: opset", "why: another", false, false, false},
	{"recipes/python.yaml", "x.example/1", "x.example/2", false, false, false},
	{"recipes/python.yaml", "[onnx, core]", "[core, onnx]", false, false, false},
	{"recipes/python.yaml", "[reference, a]", "[A, Reference]", false, false, false},
	{"recipes/python.yaml", "\">=1.14,<1.17\"", "\">=1.14, <1.17\"", false, false, false},
	{"recipes/python.yaml", "  attrs: {groups: [core]}\n  onnx: {groups: [onnx, core]", "  onnx: {groups: [onnx, core]", true, true, true},
	{"recipes/python.yaml", "[spare, core]", "[core, spare]", false, false, false},
	{"recipes/python.yaml", "[cpu, gpu]", "[gpu, cpu]", false, false, false},
	{"recipes/bases/deb.yaml", "[python3, ca-certificates]", "[ca-certificates, python3]", false, false, false},
	{"recipes/bases/deb.yaml", "suite: bookworm", "suite: bookworm, variant: minbase", false, false, false},
	{"recipes/layers/llvm.yaml", "why: compiler", "why: compilers", false, false, false},
	{"containers/cpu/container.yaml", "description: CPU\n", "", false, false, false},
	{"containers/cpu/container.yaml", "[jq, git]", "[git, jq]", false, false, false},
	{"containers/cpu/container.yaml", "{B: b, A: a}", "{A: a, B: b}", false, false, false},
	{"containers/cpu/container.yaml", "[extra, core]", "[core, extra]", false, false, false},
	{"containers/gpu/container.yaml", "why: gpu", "why: cuda", false, false, false},
	{"recipes/python.yaml", "review: 2099-12-31, link", "review: 2099-12-30, link", false, false, false},
	{"recipes/python.yaml", "why: work, owner: me", "why: more, owner: you", false, false, false},
	{"recipes/python.yaml", "x.example/3", "x.example/4", false, false, false},
	{"recipes/python.yaml", "why: wrong, review: 2099-12-31", "why: false, review: 2099-12-30", false, false, false},
	{"recipes/python.yaml", "why: broken", "why: old", false, false, false},
	{"recipes/python.yaml", "why: always", "why: ever", false, false, false},
	{"recipes/python.yaml", "{range: \">=1\", why: always}\n      - {caret: \"^2.1\", why: x, when: llvm >= 16}",
	 "{caret: \"^2.1\", why: x, when: {layer: llvm, version: \">=16\"}}\n      - {range: \">=1\", why: always}", false, false, false},
	{"recipes/python.yaml", "[{layer: llvm}, \"python_version < '3.10'\", {marker: \"os_name == 'posix'\"}]",
	 "[{marker: \"os_name  ==  'posix'\"}, {layer: llvm, marker: \"python_version < '3.10'\"}]", false, false, false},
	{"recipes/python.yaml", "{package: a, requires: b, versions: \">=1\", why: wrong, review: 2099-12-31}\n  - {package: c, requires: b, why: wrong,",
	 "{package: C, requires: b, why: wrong, review: 2099-12-31}\n  - {package: a, requires: B, versions: \">= 1\", why: wrong,", false, false, false},
	{"recipes/python.yaml", "{setuptools: {range: \"<70\", why: broken}, cython: {caret: ^3, why: x}}",
	 "{cython: {caret: ^3, why: x}, setuptools: {range: \"<70\", why: broken}}", false, false, false},
	{"recipes/bases/deb.yaml", "{machine: aarch64}, {python: \"3.12\"}", "{python: \"3.12\"}, {machine: aarch64, os: linux}", false, false, false},
	{"recipes/project.yaml", "name: tiny\n", "name: tiny\nresolver: uv\n", false, false, false},
	{"recipes/project.yaml", "name: tiny\n", "name: tiny\nlayers: {by: lockstep, limit: 20}\n", false, false, false},
	{"containers/cpu/container.yaml", "[extra, core]", "[extra, core], bytecode: pip", false, false, false},
	/* What does, and where. */
	{"containers/cpu/container.yaml", "[extra, core]", "[extra, core], bytecode: hash", true, true, false},
	{"recipes/project.yaml", "name: tiny\n", "name: tiny\nresolver: pip\n", true, true, true},
	{"recipes/python.yaml", "{range: \">=1\", why: always}", "{range: \">=1.1\", why: always}", true, true, true},
	{"recipes/python.yaml", "caret: \"^2.1\"", "caret: \"^2.2\"", true, false, true},
	{"recipes/python.yaml", "llvm >= 16", "llvm >= 15", true, true, false},
	{"recipes/python.yaml", "llvm >= 16", "llvm >= 17", true, false, true},
	{"recipes/python.yaml", "exact: \"2.1.5\"", "exact: \"2.1.6\"", true, true, false},
	{"recipes/python.yaml", "when: {container: cpu}", "when: {container: gpu}", true, true, true},
	{"recipes/python.yaml", "python_version < '3.10'", "python_version < '3.11'", true, true, true},
	{"recipes/python.yaml", "is: clang", "is: gcc", true, true, true},
	{"recipes/python.yaml", "hold: {range: \"<3\"", "hold: {range: \"<4\"", true, true, true},
	{"recipes/python.yaml", "package: a, requires: b", "package: a, requires: d", true, true, true},
	{"recipes/python.yaml", "versions: \">=1\"", "versions: \">=2\"", true, true, true},
	{"recipes/python.yaml", "setuptools: {range: \"<70\"", "setuptools: {range: \"<71\"", true, true, true},
	{"recipes/python.yaml", "range: \"<9\"", "range: \"<8\"", true, true, true},
	{"recipes/python.yaml", "not: \"!=8\"", "not: \"!=7\"", true, false, true},
	{"recipes/python.yaml", "commit: 0", "commit: 1", true, true, true},
	{"recipes/python.yaml", "234567}", "234567, subdirectory: x}", true, true, true},
	{"recipes/python.yaml", "{path: vendor/there-1.0.tar.gz}",
	 "{url: https://x.example/there-1.0.tar.gz, sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}", true, true, true},
	{"vendor/there-1.0.tar.gz", "bytes", "other bytes", true, true, true},
	{"recipes/bases/deb.yaml", "{machine: aarch64}, ", "", true, true, true},
	{"recipes/layers/llvm.yaml", "[[\"true\"]]", "[[\"false\"]]", true, true, true},
	{"recipes/project.yaml", "name: tiny\n", "name: small\n", true, true, true},
	{"recipes/project.yaml", "/opt/venv", "/opt/other", true, true, true},
	{"recipes/project.yaml", "{alias: default}, {alias: other}", "{alias: other}, {alias: default}", true, true, true},
	{"recipes/python.yaml", "\">=1.14,<1.17\"", "\">=1.14,<1.18\"", true, true, true},
	{"recipes/python.yaml", "exact: \"2.17.7\"", "exact: \"2.17.8\"", true, true, false},
	{"recipes/python.yaml", "exact: \"2.17.7\"", "range: \">=2\"", true, true, false},
	{"recipes/python.yaml", "  pylint: {groups: [extra]", "  flake8: {groups: [extra]", true, true, false},
	{"recipes/python.yaml", "[reference, a]", "[reference]", true, true, true},
	{"recipes/python.yaml", "index: other", "index: default", true, false, true},
	{"recipes/python.yaml", "  spare:\n", "  spare: {include: [lone]}\n", true, false, false},
	{"recipes/python.yaml", "[spare, core]", "[spare, onnx]", true, false, false},
	{"recipes/python.yaml", "package: numpy", "package: scipy", true, false, false},
	{"recipes/python.yaml", "[cpu, gpu]", "[cpu]", true, false, false},
	{"recipes/bases/deb.yaml", "bookworm", "trixie", true, true, true},
	{"recipes/bases/deb.yaml", "[python3, ca-certificates]", "[python3]", true, true, true},
	{"recipes/bases/deb.yaml", "2.36", "2.41", true, true, true},
	{"recipes/layers/llvm.yaml", "run: [old]", "run: [older]", true, true, false},
	{"recipes/layers/llvm.yaml", "default: clang", "default: llvm", true, true, true},
	{"recipes/layers/llvm.yaml", "default: \"15\"", "default: \"16\"", true, true, false},
	{"recipes/layers/llvm.yaml", "/opt/${version}", "/usr/${version}", true, true, true},
	{"containers/cpu/container.yaml", "[jq, git]", "[jq]", true, true, false},
	{"containers/cpu/container.yaml", "A: a}", "A: c}", true, true, false},
	{"containers/cpu/container.yaml", "A: a}", "A: a}\nworkdir: /w", true, true, false},
	{"containers/cpu/container.yaml", "A: a}", "A: a}\nuser: ci", true, true, false},
	{"containers/gpu/container.yaml", "version: 16", "version: 15", true, false, true},
	{"containers/gpu/container.yaml", "onnxruntime: {with: onnxruntime-gpu", "attrs: {with: onnxruntime-gpu", true, false, true},
	{"containers/gpu/container.yaml", "groups: [onnx]", "groups: [onnx, core]", true, false, true},
};

static void assert_changed(const struct change *c, const char *what, bool expected, const char *before, const char *after)
{
	if ((strcmp(before, after) != 0) == expected)
		return;
	fail_msg("%s: '%s' -> '%s' %s the digest of %s", c->path, c->from, c->to, expected ? "does not change" : "changes", what);
}

TEST(digests_change_with_what_matters)
{
	struct digests before = digests_with(NULL, NULL, NULL);

	assert_string_not_equal(before.cpu, before.gpu);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct digests after = digests_with(changes[i].path, changes[i].from, changes[i].to);

		assert_changed(&changes[i], "the database", changes[i].all, before.all, after.all);
		assert_changed(&changes[i], "cpu", changes[i].cpu, before.cpu, after.cpu);
		assert_changed(&changes[i], "gpu", changes[i].gpu, before.gpu, after.gpu);
	}
}

TEST(a_long_chain_of_groups_is_no_deep_stack)
{
	enum { LENGTH = 20000 };
	autodatabase struct database db = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	autostrbuf struct strbuf text = {0};

	load_with(&db, NULL, NULL, NULL);
	strbuf_add(&text, "groups:\n  core:\n  onnx: {include: [g0]}\n  extra:\n");
	for (int i = 0; i < LENGTH; i++)
		strbuf_printf(&text, "  g%d: {include: [%s%d]}\n", i, i + 1 < LENGTH ? "g" : "end", i + 1);
	strbuf_printf(&text, "  end%d:\npackages: {attrs: {groups: [end%d]}, onnxruntime: {groups: [core]}, onnxruntime-gpu: {}}\n", LENGTH, LENGTH);
	write_file("recipes/python.yaml", strbuf_text(&text));
	database_release(&db);
	assert_int_equal(database_load(&db, ".", &d, &err), 0);
	assert_int_equal(d.error_count, 1); /* onnxruntime is swapped, and not in the container's groups */
	assert_packages(&db, "gpu", "attrs");
}

TEST(roots_are_found_upward)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autodatabase struct database db = {0};
	char *root = NULL;

	load_with(&db, NULL, NULL, NULL);
	assert_int_equal(file_make_dirs("x/y/z", &err), 0);
	assert_int_equal(database_find_root(&a, "x/y/z", &root, &err), 0);
	assert_string_equal(root, db.root);
	assert_int_equal(database_find_root(&a, "/", &root, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}
