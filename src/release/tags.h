/* The image tags in the files that hold them: a Jenkinsfile, `ci_cpu = 'repository/ci-cpu:v0.1'`, or a file of lines NAME=value or NAME: value. Finds them by
   the tag name of each container, says what is wrong before anything is built, and moves them without changing another byte. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "io/digest.h"
#include "recipe/database.h"

struct tag_file {
	const char *path; /* in the project */
	const char *text;
	size_t length;
	char sha256[DIGEST_HEX_LENGTH + 1];
};

struct tag_place {
	const struct container *container;
	const struct tag_file *file;
	struct pos pos;        /* of the tag */
	size_t offset, length; /* of the tag in the file's text */
	const char *tag;       /* "v0.1" */
};

/* Everything lives in its arena; containers are the database's. */
struct tags {
	struct arena arena;
	struct tag_file *files;
	size_t file_count;
	struct tag_place *places; /* by file, then by offset: a container is at most once in a file and in at least one */
	size_t place_count;
};

struct tag_change {
	const char *path;
	const char *text;
	size_t length;
	const char *old_sha256; /* of what the text was made from */
};

void tags_release(struct tags *t);
#define autotags __attribute__((cleanup(tags_release)))

/* Reads the tag files of the project and finds the tag of every container. -1 (ERR_INPUT) with problems in `d` when a file cannot be read, a tag is missing,
   is there twice, or is not a plain text that names the container's own image with a tag. A project without tag files has none. */
int tags_read(struct tags *t, const struct database *db, struct diag *d, struct error *err);
/* The files whose tags are not at `release` yet, with every tag moved to it; in `a`. */
void tags_plan(const struct tags *t, struct arena *a, const char *release, struct tag_change **ret, size_t *ret_count);
/* True when every tag is at `release`. */
bool tags_are_at(const struct tags *t, const char *release);
