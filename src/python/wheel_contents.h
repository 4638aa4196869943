/* What a wheel puts into an environment, and what its shared objects ask the loader for. Read from the archive as it is, without unpacking it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* A file as it is installed: below site-packages, "../../../bin/tool" for a script, as RECORD names it after the installation. */
struct wheel_file {
	const char *path;
	uint64_t size_bytes;
	uint32_t crc; /* of its bytes; of what it starts where an installer writes it for an entry point */
};

/* A shared object (".so", ".so.1"). */
struct wheel_object {
	const char *path;    /* as a file's */
	const char *soname;  /* or NULL */
	const char **needed; /* names of libraries */
	size_t needed_count;
};

struct wheel_contents {
	struct wheel_file *files; /* by path, each once */
	size_t file_count;
	struct wheel_object *objects; /* by path */
	size_t object_count;
};

/* In `a`. ERR_INPUT when it is no archive that can be read. */
int wheel_files_read(struct arena *a, const char *path, struct wheel_contents *ret, struct error *err);
/* The shared objects; those that are no ELF files, or broken ones, are left out: no loader takes them either. */
int wheel_objects_read(struct arena *a, const char *path, struct wheel_contents *ret, struct error *err);
