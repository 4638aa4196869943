/* A small project with releases, for tests of what is made of them. */
#pragma once

#include <stdio.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "release/make.h"

static const char digest_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char digest_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static struct container fixture_containers[] = {{.name = "ci-cpu", .tag_name = "ci_cpu"}, {.name = "ci-gpu", .tag_name = "ci_gpu"}};
static const char *fixture_tag_files[] = {"Jenkinsfile"};
static struct pos fixture_tag_file_pos[] = {{"recipes/project.yaml", 4, 3}};

static inline struct database fixture_database(const char *root)
{
	return (struct database){
		.root = root,
		.project = {.name = "p",
			    .repository = "lockstep",
			    .first_release = "v0.1",
			    .tag_files = fixture_tag_files,
			    .tag_file_pos = fixture_tag_file_pos,
			    .tag_file_count = 1},
		.containers = fixture_containers,
		.container_count = 2,
	};
}

static inline void fixture_put(const char *path, const char *text)
{
	autoerror struct error err = {0};

	if (file_make_parents(path, &err) < 0 || file_write(path, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

/* A lock of numpy at 1.<generation>, scipy that requires it, and a toolchain pin; and a snapshot of each container. */
struct fixture {
	struct lock lock;
	struct snapshot snapshots[2];
};

static inline void fixture_lock(struct lock *lock, unsigned generation)
{
	struct arena *a = &lock->arena;
	static const char *both[] = {"ci-cpu", "ci-gpu"}, *groups[] = {"core"}, *direct[] = {"numpy", "scipy>=1"}, *uses[] = {"gcc"},
			  *further[] = {"cp311-linux-aarch64-glibc2.36"}, *stages[] = {"base:x"}, *layers[] = {"cuda{version=13.0}"};
	static const char *extras[] = {"fast"};

	lock->project = "p";
	lock->inputs = digest_a;
	lock->cut_off_unix = 1700000000;
	*arena_push(a, &lock->tools, &lock->tool_count) = (struct lock_tool){"uv", "0.13.9"};
	*arena_push(a, &lock->environments, &lock->environment_count) =
		(struct lock_environment){"cp311-linux-aarch64-glibc2.36", "3.11", "cpython", "linux", "aarch64", "glibc", "2.36"};
	*arena_push(a, &lock->environments, &lock->environment_count) =
		(struct lock_environment){"cp311-linux-x86_64-glibc2.36", "3.11", "cpython", "linux", "x86_64", "glibc", "2.36"};
	for (size_t i = 0; i < 2; i++)
		*arena_push(a, &lock->containers, &lock->container_count) = (struct lock_container){.name = both[i],
												    .environment = "cp311-linux-x86_64-glibc2.36",
												    .further = further,
												    .further_count = i,
												    .inputs = digest_a,
												    .groups = groups,
												    .group_count = 1,
												    .direct = direct,
												    .direct_count = 2,
												    .layers = uses,
												    .layer_count = 1};
	struct pin *numpy = arena_push(a, &lock->pins, &lock->pin_count);

	*numpy = (struct pin){.name = "numpy", .version = arena_printf(a, "1.%u", generation), .index = "default", .containers = both, .container_count = 2};
	*arena_push(a, &numpy->files, &numpy->file_count) = (struct lock_file){
		.name = arena_printf(a, "numpy-1.%u-cp311-cp311-manylinux_2_17_x86_64.whl", generation), .size_bytes = 100 + generation, .sha256 = digest_b};
	struct pin *scipy = arena_push(a, &lock->pins, &lock->pin_count);

	*scipy = (struct pin){.name = "scipy", .version = "1.9", .index = "default", .containers = both, .container_count = 2};
	*arena_push(a, &scipy->edges, &scipy->edge_count) =
		(struct lock_edge){.name = "numpy", .extras = extras, .extra_count = 1, .marker = "python_version >= '3.9'", .extra = "all"};
	*arena_push(a, &scipy->files, &scipy->file_count) =
		(struct lock_file){.name = "scipy-1.9-cp311-cp311-manylinux_2_17_x86_64.whl", .size_bytes = 5, .sha256 = digest_a};
	struct pin *here = arena_push(a, &lock->pins, &lock->pin_count);

	*here = (struct pin){
		.name = "vendored", .version = "1", .reference = "vendor/vendored-1-py3-none-any.whl", .containers = &both[1], .container_count = 1};
	here->environments = further;
	here->environment_count = 1;
	*arena_push(a, &here->edges, &here->edge_count) = (struct lock_edge){.name = "gone", .waived = "never used"};
	*arena_push(a, &here->files, &here->file_count) =
		(struct lock_file){.name = "vendored-1-py3-none-any.whl", .size_bytes = 5, .sha256 = digest_a, .built_from = digest_b};
	*arena_push(a, &lock->debs, &lock->deb_count) = (struct lock_deb){.name = "libc6",
									  .version = "2.36-9+deb12u10",
									  .architecture = "amd64",
									  .file = "libc6_2.36-9+deb12u10_amd64.deb",
									  .size_bytes = 9,
									  .sha256 = digest_a,
									  .path = "pool/main/g/glibc/libc6_2.36-9+deb12u10_amd64.deb",
									  .stages = stages,
									  .stage_count = 1};
	struct pin *nvcc = arena_push(a, &lock->pins, &lock->pin_count);

	*nvcc = (struct pin){.name = "nvidia-cuda-nvcc", .version = "13.0.88", .index = "default", .layers = layers, .layer_count = 1};
	*arena_push(a, &nvcc->files, &nvcc->file_count) =
		(struct lock_file){.name = "nvidia_cuda_nvcc-13.0.88-py3-none-manylinux_2_17_x86_64.whl", .size_bytes = 7, .sha256 = digest_b};
}

static inline void fixture_snapshot(struct snapshot *s, const char *container, unsigned generation)
{
	struct arena *a = &s->arena;

	s->container = container;
	s->engine = "buildah";
	s->engine_version = "1.28.2";
	s->image_id = "sha256:0011";
	s->image_digest = generation % 2 ? "sha256:2233" : NULL;
	*arena_push(a, &s->markers, &s->marker_count) = (struct installed_marker){"platform_release", ""};
	*arena_push(a, &s->markers, &s->marker_count) = (struct installed_marker){"python_version", "3.11"};
	*arena_push(a, &s->tools, &s->tool_count) = (struct installed_tool){"glibc", "2.36"};
	*arena_push(a, &s->packages, &s->package_count) = (struct installed_package){
		.name = "numpy", .version = arena_printf(a, "1.%u", generation), .installer = "pip", .metadata_sha256 = digest_a, .record_sha256 = digest_b};
	*arena_push(a, &s->packages, &s->package_count) =
		(struct installed_package){.name = "odd", .version = "0", .direct_url = "file:///x \"quoted\"\\\n\xc3\xa9", .editable = true};
	*arena_push(a, &s->system_packages, &s->system_count) = (struct installed_system_package){"libc6", "2.36-9+deb12u10", "amd64"};
	if (!strcmp(container, "ci-gpu")) {
		struct installed_layer *l = arena_push(a, &s->layers, &s->layer_count);

		*l = (struct installed_layer){.digest = digest_a, .diff_id = digest_b, .size_bytes = 7, .why = "alone: large"};
		*arena_push(a, &l->packages, &l->package_count) = "numpy";
		*arena_push(a, &l->packages, &l->package_count) = "odd";
	}
	if (!strcmp(container, "ci-cpu")) {
		*arena_push(a, &s->freeze, &s->freeze_count) = "# Editable install with no version control (odd==0)";
		*arena_push(a, &s->freeze, &s->freeze_count) = "-e /x";
	}
	*arena_push(a, &s->freeze, &s->freeze_count) = arena_printf(a, "numpy==1.%u", generation);
}

static inline void fixture_make(struct fixture *f, unsigned generation)
{
	*f = (struct fixture){0};
	fixture_lock(&f->lock, generation);
	fixture_snapshot(&f->snapshots[0], "ci-gpu", generation); /* in any order */
	fixture_snapshot(&f->snapshots[1], "ci-cpu", generation);
}

static inline void fixture_release(struct fixture *f)
{
	lock_release(&f->lock);
	snapshot_release(&f->snapshots[0]);
	snapshot_release(&f->snapshots[1]);
}

static inline void fixture_project(const char *root)
{
	autoerror struct error err = {0};
	autofree char *jenkinsfile = mem_printf("%s/Jenkinsfile", root), *dockerfile = mem_printf("%s/containers/ci-cpu/Dockerfile", root),
		      *working = mem_printf("%s/.lockstep/lock.toml", root);

	assert_int_equal(file_remove_tree(root, &err), 0);
	fixture_put(jenkinsfile, "ci_cpu = 'lockstep/ci-cpu:v0.0'\nci_gpu = \"lockstep/ci-gpu:v0.0\"\n");
	fixture_put(dockerfile, "FROM old\n");
	fixture_put(working, "working lock\n");
}

/* Makes a release of the generation's lock and snapshots. */
static inline int fixture_bump(const char *root, const char *name, unsigned generation, struct strbuf *notes, struct error *err)
{
	struct rendered_file rendered[] = {{"containers/ci-cpu/Dockerfile", "FROM new\n", 9, "ci-cpu"}, {"containers/docker-bake.json", "{}\n", 3, NULL}};
	struct database db = fixture_database(root);
	autodiag struct diag d = {0};
	struct fixture f;
	int result;

	fixture_make(&f, generation);
	result = release_make(&db, &f.lock, f.snapshots, 2, rendered, 2, name, &d, notes, err);
	fixture_release(&f);
	return result;
}
