/* Engines: what builds images and runs commands in them. One file per engine, each a const struct engine_driver; only it knows its engine's command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/process.h"

struct image;

/* An engine that was asked and answered. */
struct engine {
	const struct engine_driver *driver;
	const char *program;        /* absolute path of its client */
	const char *version;        /* what it says of itself */
	const char *unshare;        /* absolute path of a program that cuts a child off the network, where the engine cannot; or NULL */
	const char *const *options; /* that every call of the client has, NULL-terminated, or NULL */
	const char *note;           /* what people should know of how it works here, or NULL */
	const char *storage;        /* the folder of its images and working containers, shared by all who use it here; NULL where a daemon keeps them */
	const char *storage_driver; /* how files are kept there: "overlay", "vfs"; NULL with it */
	bool runs_in_builds;        /* podman: its own way of running containers was seen not to work here */
	bool reads_zstd;            /* load() takes layers that are packed with zstd */
	bool has_more_storage;      /* images may lie in other folders than `storage`, too */
	struct arena *arena;        /* the caller's; answers live here */
	/* Where its builds run, when that is in several places (BuildKit); then the engine itself is one of those that are there. */
	struct engine_worker *workers;
	size_t worker_count;
	/* Told, outside of builds, what people should know of these; or NULL. */
	void (*on_note)(void *context, const char *text);
	void *note_context;
};

/* A place where builds run. All of an engine share its images. */
struct engine_worker {
	struct engine engine;
	const char *address; /* "tcp://10.0.0.5:1234" */
	unsigned slots;      /* builds at once */
	const char *gone;    /* why it is of no use any more, or NULL */
};

struct engine_build {
	const char *dockerfile;    /* path */
	const char *context;       /* folder */
	const char *tag;           /* "localhost/lockstep/..." or "repository/name:tag" */
	const char *const *labels; /* "key=value", NULL-terminated, or NULL */
	const char *ca_file;       /* given to steps as secret id "ca", or NULL */
	const char *auth_file;     /* and as "apt-auth" */
	bool network;              /* steps may use the host's network */
	const char *temporary; /* a folder for what the engine's client keeps while it builds: what it leaves when it is killed is removed with it; or NULL */
	/* Proxies beyond those of our environment, "http_proxy=...", for steps with a network; NULL-terminated, or NULL. */
	const char *const *proxies;
	bool pull;                      /* the image after FROM may be fetched from its registry; else it must be there */
	const struct engine_push *push; /* of an engine with `direct`: the image goes straight there, and is not kept here; or NULL */
};

/* Where a build pushes its image, by digest, under no tag. */
struct engine_push {
	const char *repository;  /* "registry.example:5000/team/stages" */
	const char *key, *value; /* an annotation of the manifest */
	bool plain_http;
};

/* What a line of a build's output is, so that people can be told where it stands. */
enum engine_line_kind { ENGINE_OUTPUT, ENGINE_STEP, ENGINE_CHATTER };
struct engine_line {
	enum engine_line_kind kind;
	const char *text; /* OUTPUT: what the step wrote; STEP: its instruction, "RUN make"; points into the line */
	size_t length;
	unsigned number, total; /* STEP: which of how many */
};

struct engine_image {
	const char *id;      /* the engine's image id, "sha256:..." */
	const char *digest;  /* manifest digest, "sha256:...", or NULL where the engine has none */
	const char *created; /* RFC 3339 */
	int64_t size_bytes;
	const char *const *layers; /* their diff ids, bottom first; NULL: not told */
	size_t layer_count;
};

/* Files that were taken out of an image: a tar archive on this machine. */
struct engine_files {
	const char *tar;
	const char *below; /* the folder of the image that the names in it are relative to: "/", "/etc" */
};

/* A name that an image has. */
struct engine_tag {
	const char *name; /* as the engine writes it: "localhost/tiny/ci-a:v0.1", "tiny/ci-a:v0.1" */
	const char *id;   /* of the image, "sha256:..." */
	uint64_t size_bytes;
	int64_t created_unix; /* 0: not known */
};

/* A container, running or not, and the image it stands on. */
struct engine_container {
	const char *name;
	const char *image; /* as the engine writes it: a name, an id, or "" */
	const char *id;    /* of the image, "sha256:..."; NULL where the engine does not say */
};

struct engine_listing {
	struct engine_tag *tags;
	size_t tag_count;
	struct engine_container *containers;
	size_t container_count;
};

/* Of an engine whose builds can push by themselves, and stand on images of a registry: bytes do not pass through this machine. */
struct engine_direct {
	/* After a build of `tag` with `push` ended well: the digest of the manifest, by its own word. */
	int (*pushed)(struct engine *e, const char *tag, const char **ret_digest, struct error *err);
	/* Makes `tag` the image with this manifest and configuration, whose layers lie in the repository. */
	int (*refer)(struct engine *e, const char *tag, const char *repository, const struct image *image, struct error *err);
	/* The digest of the manifest of an image that is only referred to; else NULL. */
	const char *(*referred)(struct engine *e, const char *tag);
	/* Whether builds can read an image "repository@digest", wherever they run: 0, or -1 with the complaint. */
	int (*reads)(struct engine *e, const char *image, struct error *err);
};

/* Each with those before it. */
enum engine_leftovers {
	ENGINE_LEFT_BY_LOADS,  /* images under names of their own */
	ENGINE_LEFT_BY_RUNS,   /* throw-away containers, of run() and take_files() */
	ENGINE_LEFT_BY_BUILDS, /* working containers; nobody may be building on this machine then */
};

struct engine_driver {
	const char *name; /* "buildah", "docker" */
	/* Asks whether it works here. -1 with the reason, and what to do about it, in err. */
	int (*probe)(struct engine *e, struct error *err);
	/* The argv of a build, for a process_pool; environment additions in *ret_environment (NULL-terminated, may be NULL). In e->arena. */
	int (*build_argv)(struct engine *e, const struct engine_build *build, const char *const **ret_argv, const char *const **ret_environment,
			  struct error *err);
	void (*read_line)(const char *line, size_t length, struct engine_line *ret);
	/* After the build of `tag` ended well, for an engine whose build does not keep its image by itself; else NULL. */
	int (*keep)(struct engine *e, const char *tag, struct error *err);
	/* ERR_NOT_FOUND when there is no such image. */
	int (*inspect)(struct engine *e, const char *tag, struct engine_image *ret, struct error *err);
	/* The same of many by one question; of one that is not there ret[i].id is NULL. NULL: inspect() of each costs no more. */
	int (*inspect_all)(struct engine *e, const char *const *tags, size_t count, struct engine_image *ret, struct error *err);
	int (*tag)(struct engine *e, const char *from, const char *to, struct error *err);
	int (*untag)(struct engine *e, const char *tag, struct error *err); /* fine when it is not there */
	/* Runs argv in a throw-away container of the image, no network, input on stdin; collects both streams. 0 when it ran, whatever its exit status. */
	int (*run)(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		   struct error *err);
	/* Fetches an image "repository@digest" from its registry, unless it is there. -1 with the engine's own complaint, as pull_explain() reads it. */
	int (*pull)(struct engine *e, const char *image, struct error *err);
	/* Takes the files and folders at these absolute paths out of an image, into `folder`, which is empty. Nothing of the image is run, and no link of it
	   followed out of it; what it has not got is left out. In e->arena. */
	int (*take_files)(struct engine *e, const char *image, const char *const *paths, const char *folder, struct engine_files **ret, size_t *ret_count,
			  struct error *err);
	/* What an image is made of, by the engine's word: its configuration and its layers' diff ids; digests and sizes as far as the engine keeps them. In e->arena.
	   ERR_NOT_FOUND when there is no such image. */
	int (*describe)(struct engine *e, const char *tag, struct image *ret, struct error *err);
	/* Writes every layer of an image as a file of its own into `folder`, which is empty, packed or not; describe() and then path, digest, media_type and size of each
	   layer. */
	int (*save)(struct engine *e, const char *tag, const char *folder, struct image *ret, struct error *err);
	/* How many of the lowest layers of each image it has, by what its images are made of: one question for all, for load(). NULL: load() has no use for it. */
	int (*common)(struct engine *e, const struct image *images, size_t count, size_t *ret_has, struct error *err);
	/* Puts an image into the engine under `tag`. Layers that it has are not sent: the lowest `has` are known to be there; 0: that is for it to find out. `temporary`
	   is a folder for what is handed over; it is empty afterwards. ERR_NOT_FOUND when a layer that it lacks has no file. */
	int (*load)(struct engine *e, const struct image *image, size_t has, const char *tag, const char *temporary, struct error *err);
	/* Everything in the engine that has a name, and all containers, also those of others. In e->arena. NULL: it keeps no images. */
	int (*list)(struct engine *e, struct engine_listing *ret, struct error *err);
	/* Before several children of this process ask it: makes sure that it answers, and goes to another of its workers where one does not. NULL: not needed. */
	int (*wake)(struct engine *e, struct error *err);
	const struct engine_direct *direct; /* or NULL */
	/* Removes what processes that were killed left behind. */
	int (*clean)(struct engine *e, enum engine_leftovers what, struct error *err);
};

extern const struct engine_driver engine_buildah, engine_docker, engine_podman, engine_buildkit;

/* inspect_all(), also where the engine has it not. */
int engine_inspect_all(struct engine *e, const char *const *tags, size_t count, struct engine_image *ret, struct error *err);
/* keep(), where the engine has it. */
int engine_keep(struct engine *e, const char *tag, struct error *err);

/* False while only its driver is known. */
static inline bool engine_is_open(const struct engine *e)
{
	return e->program != NULL;
}
/* NULL: there is none of that name. */
const struct engine_driver *engine_driver_find(const char *name);
/* The names of all engines, NULL-terminated, in the order they are tried. */
extern const char *const engine_names[];
/* The engine called `name`, or with NULL the first that works, buildah first (it needs no daemon). ERR_ENGINE says of each why not, and what to do;
   ERR_INPUT when there is no engine of that name. */
int engine_find(struct arena *a, const char *name, struct engine *ret, struct error *err);
