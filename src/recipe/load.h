/* How the database is read: one file of this folder for each kind of file of the user's, in the order given here, since each may name things of those before
   it. Only for the files of this folder. */
#pragma once

#include "recipe/database.h"
#include "recipe/schema.h"

/* Reads "<root>/<file>", or NULL with the problem reported. */
struct value *load_file(struct reader *r, const char *file);
/* "<folder>/<name>.yaml" for all of a folder, by name; stray files are reported. Without the folder there are none. */
void load_names(struct reader *r, const char *folder, const char *what, char ***ret_names, size_t *ret_count);

/* What python.yaml says beside declaring groups and packages, some of it of containers, which are read later. */
struct python_later {
	const struct value *conflicts, *differences, *waivers, *build_constraints; /* or NULL */
};

/* Each fills its part of r->db; what is wrong goes into its diag, and the rest is read on. */
void load_project(struct reader *r);
extern const struct word_form word_stages;                                /* a repository with its registry */
void read_workers(struct reader *r, const struct value *v, void *target); /* 'workers', into a struct project */
void load_python(struct reader *r, struct python_later *ret_later);
void load_bases(struct reader *r);
void load_layers(struct reader *r);
void load_containers(struct reader *r);
void load_python_later(struct reader *r, const struct python_later *later);
void read_overwrites(struct reader *r, const struct value *const *lists); /* per package: its list 'overwrites', or NULL */
/* What no file can be wrong in alone. */
void check_groups(struct reader *r, const struct value *const *includes); /* per group: the list it includes, or NULL */
void check_layers(struct reader *r, const struct value *const *requires); /* per layer: the list it requires, or NULL */
void check_conflicts(struct reader *r);
void check_containers(struct reader *r);
void check_constraints(struct reader *r);

/* References: the thing a value names, or NULL with the problem reported. */
struct package *refer_package(struct reader *r, const struct value *v);
struct base *refer_base(struct reader *r, const struct value *v);
struct layer *refer_layer(struct reader *r, const struct value *v);
struct container *refer_container(struct reader *r, const struct value *v);
struct index *refer_index(struct reader *r, const struct value *v);
struct layer_option *refer_option(struct reader *r, struct layer *layer, struct pos at, const char *name);
/* A list of groups, each once. `v` may be NULL; so may ret_pos. */
void refer_groups(struct reader *r, const struct value *v, const char *what, struct group ***ret, size_t *ret_count, struct pos **ret_pos);

/* By its name, or NULL. */
struct layer *database_layer(const struct database *db, const char *name);
