/* Files and folders. Writes are atomic: a temporary name in the same folder, fsync, rename, fsync of the folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

void file_cleanup_fd(int *fd);
#define autofd __attribute__((cleanup(file_cleanup_fd))) /* `autofd int fd = -1;` */
int file_steal_fd(int *fd);

/* All of the bytes, in as many pieces as it takes. -1 with errno. */
int file_write_bytes(int fd, const void *bytes, size_t length);
/* Reads a whole file, at most limit_bytes (ERR_INPUT when longer). Appends to out. Does not follow into devices or pipes. */
int file_read(const char *path, size_t limit_bytes, struct strbuf *out, struct error *err);
/* Replaces or creates `path` atomically and durably, mode 0644 (or the old file's mode). Parents must exist. */
int file_write(const char *path, const char *bytes, size_t length, struct error *err);
/* As file_write, atomic but not durable: for what can be made again, where a thousand files must not cost a thousand waits for the disk. */
int file_write_derived(const char *path, const char *bytes, size_t length, struct error *err);
/* Removes from a folder what a killed file_write() of `name` left there; the caller knows that nobody is writing it now. */
int file_remove_leftovers(const char *folder, const char *name, struct error *err);
/* As file_write, but leaves a file that holds these bytes already untouched. *ret_changed (may be NULL) says which. */
int file_write_if_changed(const char *path, const char *bytes, size_t length, bool *ret_changed, struct error *err);

bool file_exists(const char *path);
bool file_is_dir(const char *path);
int64_t file_size(const char *path); /* -1: not there or no regular file */
/* Creates a folder and its parents (mode 0755); fine when it is there. */
int file_make_dirs(const char *path, struct error *err);
/* Creates the parents of a path. */
int file_make_parents(const char *path, struct error *err);
/* Removes a file or a whole tree, never through a symbolic link; fine when it is not there. */
int file_remove_tree(const char *path, struct error *err);
/* ERR_INPUT when `path` is a symbolic link or holds one, however deep: what is written and removed in it could be elsewhere. Fine when it is not there. */
int file_refuse_links(const char *path, struct error *err);
int file_rename(const char *from, const char *to, struct error *err); /* and fsync of both folders */
int file_sync_dir(const char *path, struct error *err);
/* A hard link, or a copy where the file systems differ. Replaces `to`. */
int file_link_or_copy(const char *from, const char *to, struct error *err);

/* Sorted names in a folder without "." and ".."; names live in the arena. A missing folder is ERR_NOT_FOUND. */
int file_list(struct arena *a, const char *path, char ***ret_names, size_t *ret_count, struct error *err);
/* A new empty folder "<parent>/<prefix>XXXXXX", mode 0700; the name lives in the arena. */
int file_make_temp_dir(struct arena *a, const char *parent, const char *prefix, char **ret_path, struct error *err);

/* Takes an exclusive advisory lock on `path` (created if needed); it is held until *ret_fd is closed or the process ends. ERR_BUSY, naming the
   holder's process where known, when another holds it. Nothing is left behind by a killed holder. */
int file_lock(const char *path, int *ret_fd, struct error *err);

/* "a/b" from "a" and "b"; `b` when it is absolute. In the arena. */
char *path_join(struct arena *a, const char *folder, const char *name);
const char *path_base(const char *path);
/* True for a name that stays in its folder: not empty, no '/', no control bytes, not "." or "..", at most 255 bytes. */
bool path_is_plain_name(const char *name);
/* True for a relative path of plain names: what a recipe may name inside the project. */
bool path_stays_inside(const char *path);
/* Where `path` under the folder `root` really is when symbolic links lead it out of `root`, or nowhere; else NULL. The end of the path need not exist. */
const char *path_leads_out(struct arena *a, const char *root, const char *path);
/* $XDG_CACHE_HOME/lockstep or ~/.cache/lockstep; LOCKSTEP_CACHE overrides, from the working folder where it is relative. In the arena. */
char *path_cache_dir(struct arena *a);
