/* What words in the database must look like, as a table of forms: for checks and for messages. */
#pragma once

#include <stdbool.h>

struct word_form {
	const char *name; /* "container name"; in "'X' is no container name" */
	bool (*holds)(const char *word);
	const char *rule; /* what it must be, as a hint */
};

extern const struct word_form word_name;         /* of a container, base, layer, index: what may stand in an image reference */
extern const struct word_form word_project;      /* as word_name */
extern const struct word_form word_python_name;  /* PEP 508; groups too (PEP 735) */
extern const struct word_form word_option;       /* of a layer */
extern const struct word_form word_variable;     /* environment variables, tag names */
extern const struct word_form word_apt;          /* a Debian package, with "=version" or without (Debian policy 5.6.1, 5.6.12) */
extern const struct word_form word_suite;        /* "bookworm", "stable/updates" */
extern const struct word_form word_mmdebstrap;   /* a variant mmdebstrap knows */
extern const struct word_form word_path;         /* absolute, normal, not the root itself */
extern const struct word_form word_inner_path;   /* relative, of plain names */
extern const struct word_form word_link_target;  /* either */
extern const struct word_form word_repository;   /* of images: "lockstep", "registry.example:5000/ci" */
extern const struct word_form word_host;         /* "registry.example:5000" */
extern const struct word_form word_image_digest; /* "repository@sha256:..." */
extern const struct word_form word_date;         /* "2026-12-31", a day that exists */
extern const struct word_form word_commit;       /* of git: its whole name, 40 or 64 hex digits */
extern const struct word_form word_sha256;       /* 64 hex digits */
extern const struct word_form word_release;      /* "v0.1" */
extern const struct word_form word_archive_url;  /* the same, of a tar archive */
extern const struct word_form word_strip;        /* one digit */
extern const struct word_form word_url;          /* http or https, without a user or password */
extern const struct word_form word_git_url;      /* as word_url, for git, which takes more: reference.c reads ssh and file */
extern const struct word_form word_user;         /* "ci", "1000:1000" */
extern const struct word_form word_mode;         /* "0644", "0755" */
extern const struct word_form word_python_minor; /* "3.11" */
extern const struct word_form word_dotted;       /* "2.36": numbers with dots */
extern const struct word_form word_resolver;     /* who searches for versions */
extern const struct word_form word_layers;       /* who makes the layers of Python packages */
extern const struct word_form word_packing;      /* how layers are packed */
extern const struct word_form word_bytecode;     /* how Python files are compiled */
extern const struct word_form word_implementation, word_os, word_machine, word_libc;
extern const struct word_form word_choice;  /* of an option: a word or a path */
extern const struct word_form word_file;    /* a plain file name */
extern const struct word_form word_pattern; /* the name of a pattern below */

/* The form of a pattern a layer option can name ("version", "word", "path"), or NULL. */
const struct word_form *word_pattern_form(const char *name);
