#include "io/gzip_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <isa-l/igzip_lib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/signals.h"

enum { PIECE_BYTES = 1 << 18 };

struct packing {
	struct isal_zstream stream;
	unsigned char level[ISAL_DEF_LVL1_DEFAULT], in[PIECE_BYTES], out[PIECE_BYTES];
	struct digest plain, packed;
	uint64_t packed_bytes;
};

static int pack_piece(struct packing *p, int fd, const char *path, struct error *err)
{
	do {
		p->stream.next_out = p->out;
		p->stream.avail_out = sizeof(p->out);
		if (isal_deflate(&p->stream) != COMP_OK)
			return error_set(err, ERR_FAILED, "cannot pack '%s'", path);
		size_t made = sizeof(p->out) - p->stream.avail_out;

		digest_add(&p->packed, p->out, made);
		p->packed_bytes += made;
		if (file_write_bytes(fd, p->out, made) < 0)
			return error_errno(err, "cannot write '%s'", path);
	} while (!p->stream.avail_out);
	return 0;
}

static int pack_all(struct packing *p, int from, const char *from_path, int to, const char *to_path, struct error *err)
{
	ssize_t n;

	do {
		n = read(from, p->in, sizeof(p->in));
		if (n < 0 && errno != EINTR)
			return error_errno(err, "cannot read '%s'", from_path);
		if (signals_check(err) < 0)
			return -1;
		if (n < 0)
			continue;
		digest_add(&p->plain, p->in, (size_t)n);
		p->stream.next_in = p->in;
		p->stream.avail_in = (uint32_t)n;
		p->stream.end_of_stream = n == 0;
		if (pack_piece(p, to, to_path, err) < 0)
			return -1;
	} while (n != 0);
	return 0;
}

int gzip_file(const char *from, int fd, const char *to, struct gzip_file *ret, struct error *err)
{
	autofd int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	autofree struct packing *p = mem_zero(1, sizeof(*p));

	if (in < 0)
		return error_errno(err, "cannot open '%s'", from);
	isal_deflate_init(&p->stream);
	p->stream.level = 1;
	p->stream.level_buf = p->level;
	p->stream.level_buf_size = sizeof(p->level);
	p->stream.gzip_flag = IGZIP_GZIP;
	digest_begin(&p->plain);
	digest_begin(&p->packed);
	int failed = pack_all(p, in, from, fd, to, err);
	struct gzip_file done = {.packed_bytes = p->packed_bytes};

	digest_end(&p->plain, done.plain);
	digest_end(&p->packed, done.packed);
	if (!failed)
		*ret = done;
	return failed;
}

bool gzip_file_is(const char *path)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned char head[2];

	return fd >= 0 && read(fd, head, sizeof(head)) == 2 && head[0] == 0x1f && head[1] == 0x8b;
}
