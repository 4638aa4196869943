/* Verification: relations that must hold between what recipes/ declare, the lock, the wheels, the images and the package indexes. Each is checked by itself,
   collects findings and changes nothing; none: it holds. A further relation is one row of the table in verify.c. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "lock/lock.h"
#include "recipe/database.h"
#include "verify/finding.h"

struct engine;
struct settings;
struct snapshot;

/* What is compared. Nothing in it is owned. */
struct verification {
	const struct database *db;
	const struct lock *lock;
	const struct container *const *containers; /* those that are asked about, by name */
	size_t container_count;
	const struct snapshot *snapshots; /* of their images, in their order; NULL: images are not looked into */
	/* For the verify commands of layer recipes, which run only where `probes` is set. */
	struct engine *engine;
	const char *const *images;
	bool probes;
	struct settings *settings; /* for indexes; NULL: they are not asked */
};

struct relation {
	const char *name;   /* "declared" */
	const char *title;  /* "what is declared is within the lock" */
	unsigned bit;       /* of exit_bits, when it does not hold */
	bool needs_images;  /* snapshots must be there */
	bool needs_indexes; /* settings must be there, and so must a network */
	/* Adds what it finds. -1 only when it cannot be told whether it holds. */
	int (*check)(const struct verification *v, struct findings *ret, struct error *err);
};
extern const struct relation relations[]; /* in the order they are told of; ends with a row whose name is NULL */
enum { RELATIONS_MAX = 16 };
const struct relation *relation_find(const char *name); /* NULL: there is none of that name */

enum relation_state { RELATION_NOT_ASKED, RELATION_HOLDS, RELATION_FAILS, RELATION_UNKNOWN };
struct relation_result {
	const struct relation *relation;
	enum relation_state state;
	struct findings findings;
	struct error err; /* of one that could not be checked */
};
/* One for each row of the table, in its order. Zeroed is valid. */
struct relation_results {
	struct relation_result items[RELATIONS_MAX];
	size_t count;
};
void relation_results_release(struct relation_results *r);
#define autorelations __attribute__((cleanup(relation_results_release)))
/* Checks the relations whose bits are in `asked` and for which there is what they need. */
void verify_relations(const struct verification *v, unsigned asked, struct relation_results *ret);
/* The bits of those that fail or could not be checked. */
unsigned relation_results_bits(const struct relation_results *r);
/* All findings that are no warnings. */
size_t relation_results_errors(const struct relation_results *r);

/* The relations, each in a file of its own. */
/* Every requirement that recipes/ declare for a container, with the constraints, holds and swaps that apply there, is satisfied by its part of the lock, and so
   is what each wheel requires, by the wheels' own word where the store has them; nothing is locked that nobody needs; the lock is of these very recipes. */
int verify_declared(const struct verification *v, struct findings *ret, struct error *err);
/* What each image has installed is exactly the lock's part for it; the verify commands of its layer recipes pass. */
int verify_installed(const struct verification *v, struct findings *ret, struct error *err);
/* A package that several containers have is at one version in them, in the lock and in the images, except where a difference is declared. */
int verify_agree(const struct verification *v, struct findings *ret, struct error *err);
/* Wheels that go into one container can live together: no file of two packages, no shared object that wants a CUDA library nobody brings. */
int verify_files(const struct verification *v, struct findings *ret, struct error *err);
/* What is locked is still what its indexes offer: neither gone, nor yanked, nor replaced by other bytes of the same name. */
int verify_index(const struct verification *v, struct findings *ret, struct error *err);
