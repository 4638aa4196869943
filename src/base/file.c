#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

void file_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int file_steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int file_read(const char *path, size_t limit_bytes, struct strbuf *out, struct error *err)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t before = out->length;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INPUT, "cannot read '%s': not a regular file", path);
	for (;;) {
		char *room = strbuf_reserve(out, 64 * 1024);
		ssize_t got = read(fd, room, 64 * 1024);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "cannot read '%s'", path);
		if (!got)
			return 0;
		strbuf_commit(out, (size_t)got);
		if (out->length - before > limit_bytes)
			return error_set(err, ERR_INPUT, "'%s' is larger than %zu bytes", path, limit_bytes);
	}
}

int file_write_bytes(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length) {
		ssize_t done = write(fd, at, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		at += done;
		length -= (size_t)done;
	}
	return 0;
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup(".");
	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

int file_sync_dir(const char *path, struct error *err)
{
	autofd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Some file systems cannot sync a folder (EINVAL); there is nothing better to do on them. */
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return error_errno(err, "cannot sync folder '%s'", path);
	return 0;
}

static int sync_parent(const char *path, struct error *err)
{
	autofree char *parent = parent_of(path);

	return file_sync_dir(parent, err);
}

/* No name that anybody else gives. */
#define TEMPORARY_MARK ".lockstep-"

int file_remove_leftovers(const char *folder, const char *name, struct error *err)
{
	autoarena struct arena a = {0};
	const char *prefix = arena_printf(&a, "%s" TEMPORARY_MARK, name);
	char **names;
	size_t count;

	if (!file_is_dir(folder))
		return 0;
	if (file_list(&a, folder, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *path = path_join(&a, folder, names[i]);

		if (text_starts_with(names[i], prefix) && strlen(names[i]) == strlen(prefix) + 6 && unlink(path) < 0 && errno != ENOENT)
			return error_errno(err, "cannot remove '%s'", path);
	}
	return 0;
}

static int replace(const char *path, const char *bytes, size_t length, bool durable, struct error *err)
{
	autofree char *temporary = mem_printf("%s" TEMPORARY_MARK "XXXXXX", path);
	struct stat st;
	autofd int fd = mkostemp(temporary, O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, "cannot write '%s'", path);
	mode_t mode = stat(path, &st) == 0 ? st.st_mode & 07777 : 0644;

	if (file_write_bytes(fd, bytes, length) < 0 || fchmod(fd, mode) < 0 || (durable && fsync(fd) < 0) || rename(temporary, path) < 0) {
		error_errno(err, "cannot write '%s'", path);
		unlink(temporary);
		return -1;
	}
	return durable ? sync_parent(path, err) : 0;
}

int file_write(const char *path, const char *bytes, size_t length, struct error *err)
{
	return replace(path, bytes, length, true, err);
}

int file_write_derived(const char *path, const char *bytes, size_t length, struct error *err)
{
	return replace(path, bytes, length, false, err);
}

int file_write_if_changed(const char *path, const char *bytes, size_t length, bool *ret_changed, struct error *err)
{
	autostrbuf struct strbuf old = {0};
	autoerror struct error ignored = {0};
	bool same = file_size(path) == (int64_t)length && file_read(path, length, &old, &ignored) == 0 && old.length == length &&
		    !memcmp(strbuf_text(&old), bytes, length);

	if (!same && file_write(path, bytes, length, err) < 0)
		return -1;
	if (ret_changed)
		*ret_changed = !same;
	return 0;
}

bool file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool file_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int64_t file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

int file_make_dirs(const char *path, struct error *err)
{
	if (file_is_dir(path))
		return 0;
	autofree char *copy = mem_strdup(path);

	for (char *p = copy + 1; *copy; p++) {
		char end = *p;

		if (end && end != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return error_errno(err, "cannot create folder '%s'", copy);
		*p = end;
		if (!end)
			break;
	}
	if (*path && !file_is_dir(path)) {
		errno = ENOTDIR;
		return error_errno(err, "cannot create folder '%s'", path);
	}
	return 0;
}

int file_make_parents(const char *path, struct error *err)
{
	autofree char *parent = parent_of(path);

	return file_make_dirs(parent, err);
}

static int remove_at(int folder, const char *name, const char *path, struct error *err)
{
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return error_errno(err, "cannot remove '%s'", path);

	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int failed = 0;

	if (!dir) {
		error_errno(err, "cannot remove '%s'", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (!failed && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		autofree char *inner = mem_printf("%s/%s", path, entry->d_name);

		failed = remove_at(fd, entry->d_name, inner, err);
	}
	closedir(dir);
	if (!failed && unlinkat(folder, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_errno(err, "cannot remove '%s'", path);
	return failed;
}

int file_remove_tree(const char *path, struct error *err)
{
	return remove_at(AT_FDCWD, path, path, err);
}

int file_refuse_links(const char *path, struct error *err)
{
	struct stat st;
	struct dirent *entry;
	int result = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_errno(err, "cannot look at '%s'", path);
	if (S_ISLNK(st.st_mode)) {
		error_set(err, ERR_INPUT, "'%s' is a symbolic link; lockstep does not work through one here, since it writes and removes files", path);
		return error_hint(err, "remove it, or put a folder of its own in its place");
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	DIR *dir = opendir(path);

	if (!dir)
		return error_errno(err, "cannot list '%s'", path);
	while (!result && (entry = readdir(dir))) {
		/* The kind of most entries is known without looking at each. */
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || entry->d_type == DT_REG)
			continue;
		autofree char *inner = mem_printf("%s/%s", path, entry->d_name);

		result = file_refuse_links(inner, err);
	}
	closedir(dir);
	return result;
}

int file_rename(const char *from, const char *to, struct error *err)
{
	autofree char *from_parent = parent_of(from), *to_parent = parent_of(to);

	if (rename(from, to) < 0)
		return error_errno(err, "cannot move '%s' to '%s'", from, to);
	if (file_sync_dir(to_parent, err) < 0)
		return -1;
	return strcmp(from_parent, to_parent) ? file_sync_dir(from_parent, err) : 0;
}

static int copy_bytes(int in, int out, off_t size)
{
	while (size > 0) {
		ssize_t done = copy_file_range(in, NULL, out, NULL, (size_t)size, 0);

		if (done < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
			done = sendfile(out, in, NULL, (size_t)size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		if (!done) {
			errno = EIO; /* it became shorter meanwhile */
			return -1;
		}
		size -= done;
	}
	return 0;
}

static int copy_file(const char *from, const char *to, struct error *err)
{
	autofree char *temporary = mem_printf("%s.XXXXXX", to);
	autofd int in = open(from, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return error_errno(err, "cannot read '%s'", from);
	autofd int out = mkostemp(temporary, O_CLOEXEC);

	if (out < 0)
		return error_errno(err, "cannot write '%s'", to);
	if (copy_bytes(in, out, st.st_size) < 0 || fchmod(out, st.st_mode & 0777) < 0 || fsync(out) < 0 || rename(temporary, to) < 0) {
		error_errno(err, "cannot copy '%s' to '%s'", from, to);
		unlink(temporary);
		return -1;
	}
	return 0;
}

int file_link_or_copy(const char *from, const char *to, struct error *err)
{
	if (unlink(to) < 0 && errno != ENOENT)
		return error_errno(err, "cannot replace '%s'", to);
	if (link(from, to) == 0)
		return 0;
	if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP)
		return error_errno(err, "cannot link '%s' to '%s'", from, to);
	return copy_file(from, to, err);
}

int file_list(struct arena *a, const char *path, char ***ret_names, size_t *ret_count, struct error *err)
{
	char **names = NULL;
	size_t count = 0;
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir)
		return error_errno(err, "cannot list '%s'", path);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			*arena_push(a, &names, &count) = arena_strdup(a, entry->d_name);
	}
	closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), text_compare_items);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

int file_make_temp_dir(struct arena *a, const char *parent, const char *prefix, char **ret_path, struct error *err)
{
	char *path = arena_printf(a, "%s/%sXXXXXX", parent, prefix);

	if (!mkdtemp(path))
		return error_errno(err, "cannot create a folder in '%s'", parent);
	*ret_path = path;
	return 0;
}

/* Who holds the lock of an open file, as the kernel lists it in /proc/locks ("1: FLOCK ADVISORY WRITE 123 fe:00:4711 0 EOF"); 0 when that cannot be told. */
static long lock_holder(int fd)
{
	struct stat st;
	char line[256];
	long holder = 0;
	FILE *locks = fopen("/proc/locks", "re");

	if (!locks || fstat(fd, &st) < 0)
		st = (struct stat){0};
	while (locks && !holder && fgets(line, sizeof(line), locks)) {
		unsigned long inode;
		long pid;

		if (sscanf(line, "%*d: FLOCK %*s %*s %ld %*x:%*x:%lu", &pid, &inode) == 2 && inode == st.st_ino)
			holder = pid;
	}
	if (locks)
		fclose(locks);
	return holder;
}

int file_lock(const char *path, int *ret_fd, struct error *err)
{
	autofd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_errno(err, "cannot open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return error_errno(err, "cannot lock '%s'", path);
		long holder = lock_holder(fd);
		autofree char *who = holder ? mem_printf(" with process id %ld", holder) : mem_strdup("");

		return error_set(err, ERR_BUSY, "another lockstep%s works in this project; wait for it to end, or stop it", who);
	}
	*ret_fd = file_steal_fd(&fd);
	return 0;
}

char *path_join(struct arena *a, const char *folder, const char *name)
{
	if (name[0] == '/' || !*folder)
		return arena_strdup(a, name);
	return arena_printf(a, "%s%s%s", folder, text_ends_with(folder, "/") ? "" : "/", name);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_plain(const char *name, size_t length)
{
	if (!length || length > 255 || (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.'))
		return false;
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '/')
			return false;
	}
	return true;
}

bool path_is_plain_name(const char *name)
{
	return is_plain(name, strlen(name));
}

bool path_stays_inside(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (!is_plain(path, length))
			return false;
		if (!path[length])
			return true;
		path += length + 1;
	}
}

const char *path_leads_out(struct arena *a, const char *root, const char *path)
{
	char *there = path_join(a, root, path);
	size_t root_length = strlen(root);
	struct stat st;

	while (lstat(there, &st) < 0 && strlen(there) > root_length) {
		char *slash = strrchr(there, '/');

		slash[slash == there] = '\0';
	}
	autofree char *real_root = realpath(root, NULL), *real = realpath(there, NULL);

	if (!real_root || !real)
		return arena_printf(a, "%s (%s)", there, strerror(errno));
	/* "/" ends with the slash that others lack. */
	size_t length = strcmp(real_root, "/") != 0 ? strlen(real_root) : 0;

	return !strncmp(real, real_root, length) && (!real[length] || real[length] == '/') ? NULL : arena_strdup(a, real);
}

/* Where nobody says, the account's own folder. */
static const char *home_folder(void)
{
	const char *home = getenv("HOME");
	const struct passwd *account = home && home[0] == '/' ? NULL : getpwuid(geteuid());

	return account && account->pw_dir && account->pw_dir[0] == '/' ? account->pw_dir : home && home[0] == '/' ? home : "/root";
}

char *path_cache_dir(struct arena *a)
{
	const char *own = getenv("LOCKSTEP_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	autofree char *here = own && *own && own[0] != '/' ? realpath(".", NULL) : NULL;

	if (own && *own)
		return here ? path_join(a, here, own) : arena_strdup(a, own);
	/* The XDG base directory specification: a relative path is ignored. */
	if (xdg && xdg[0] == '/')
		return path_join(a, xdg, "lockstep");
	return arena_printf(a, "%s/.cache/lockstep", home_folder());
}
