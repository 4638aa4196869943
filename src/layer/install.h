/* What an installation of a wheel puts where, decided from the archive's directory and its few small texts, without unpacking it: the rules of pip for a venv
   (PEP 427, "Recording installed projects", PEP 610). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "layer/archive.h"

/* Where a container's Python installs to: absolute paths, as its sysconfig has them. */
struct install_place {
	const char *purelib, *platlib, *scripts, *data;
	const char *headers; /* the folder above a distribution's own */
	const char *python;  /* what scripts begin with; "/opt/venv/bin/python" */
	const char *version; /* "3.11" */
};

struct install_options {
	const char *file_name;  /* of the wheel, for messages */
	const char *name;       /* of the distribution, canonical */
	bool is_requested;      /* by people, not only by another package: pip then leaves a mark */
	const char *direct_url; /* the text of direct_url.json, or NULL */
	const char *bytecode;   /* the archive of its compiled sources (layer/bytecode.h), or NULL */
};

struct install_file {
	const char *path;     /* absolute without its first '/' */
	const char *recorded; /* as RECORD has it: relative to the library folder */
	bool is_executable;
	bool is_made;                    /* by the installer: pip does not compile it, whatever its name */
	struct zip *zip;                 /* the archive that has the member */
	const struct zip_member *member; /* NULL: made here, its bytes are: */
	const char *text;
	size_t length;
	uint64_t limit;   /* of a member: where the next one begins in the archive */
	const char *hash; /* of a member: what RECORD says of it (record_rows_hash_fits()), or NULL */
};

struct install {
	struct archive archive;
	struct zip bytecode;
	char *record;               /* the text of RECORD */
	const char *library;        /* purelib or platlib */
	struct install_file *files; /* by path, each once */
	size_t count;
};
#define INSTALL_NONE ((struct install){.archive = ARCHIVE_NONE, .bytecode = ZIP_NONE})
void install_release(struct install *i);
#define autoinstall __attribute__((cleanup(install_release)))

/* Texts live in `a`. ERR_INPUT names the wheel, the member and the reason. */
int install_read(struct arena *a, const char *wheel, const struct install_place *place, const struct install_options *options, struct install *ret,
		 struct error *err);
