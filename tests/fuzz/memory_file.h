/* The input of a fuzz target as a file, for readers that take a path. */
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz.h"

/* A descriptor of a file in memory that holds these bytes; its path is /proc/self/fd/N. */
static inline int memory_file(const void *bytes, size_t length)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0 && (!length || write(fd, bytes, length) == (ssize_t)length));
	return fd;
}
