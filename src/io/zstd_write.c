#include "io/zstd_write.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#include "base/alloc.h"

/* The level that others take for layers; a window that every reader takes. */
enum { LEVEL = 3, OUT_BYTES = 256 * 1024 };

void zstd_write_begin(struct zstd_write *w, int fd, const char *path)
{
	*w = (struct zstd_write){.fd = fd, .path = path, .context = ZSTD_createCCtx(), .out = mem_alloc(OUT_BYTES)};
	if (!w->context)
		abort(); /* no memory */
	ZSTD_CCtx_setParameter(w->context, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(w->context, ZSTD_c_checksumFlag, 1);
	digest_begin(&w->digest);
}

void zstd_write_release(struct zstd_write *w)
{
	ZSTD_freeCCtx(w->context);
	free(w->out);
	digest_drop(&w->digest);
	*w = (struct zstd_write){0};
}

static int write_out(struct zstd_write *w, size_t length, struct error *err)
{
	digest_add(&w->digest, w->out, length);
	for (size_t done = 0; done < length;) {
		ssize_t count = write(w->fd, w->out + done, length - done);

		if (count < 0 && errno != EINTR)
			return error_errno(err, "cannot write '%s'", w->path);
		done += count > 0 ? (size_t)count : 0;
	}
	w->packed_bytes += length;
	return 0;
}

/* *ret_left counts what the library still holds; 0 behind the end of the frame. */
static int pack(struct zstd_write *w, ZSTD_inBuffer *in, ZSTD_EndDirective how, size_t *ret_left, struct error *err)
{
	ZSTD_outBuffer out = {.dst = w->out, .size = OUT_BYTES};

	*ret_left = ZSTD_compressStream2(w->context, &out, in, how);
	if (ZSTD_isError(*ret_left))
		return error_set(err, ERR_FAILED, "cannot write '%s': %s", w->path, ZSTD_getErrorName(*ret_left));
	return write_out(w, out.pos, err);
}

int zstd_write_add(struct zstd_write *w, const void *bytes, size_t length, struct error *err)
{
	ZSTD_inBuffer in = {.src = bytes, .size = length};
	size_t left;

	while (in.pos < in.size) {
		if (pack(w, &in, ZSTD_e_continue, &left, err) < 0)
			return -1;
	}
	return 0;
}

int zstd_write_end(struct zstd_write *w, char ret_digest[DIGEST_HEX_LENGTH + 1], struct error *err)
{
	ZSTD_inBuffer in = {0};
	size_t left;

	do {
		if (pack(w, &in, ZSTD_e_end, &left, err) < 0)
			return -1;
	} while (left);
	digest_end(&w->digest, ret_digest);
	return 0;
}

const char *zstd_write_version(void)
{
	return ZSTD_versionString();
}
