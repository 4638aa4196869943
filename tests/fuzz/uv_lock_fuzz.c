/* uv.lock: refused with a reason, or read; every package, edge and wheel then has what it must have. */
#include "resolve/uv_lock.h"

#include <string.h>

#include "memory_file.h"

static void check_package(const struct uv_lock *lock, const struct uv_package *p)
{
	FUZZ_CHECK(p->name && (p->version || p == lock->question));
	for (size_t i = 0; i < p->edge_count; i++) {
		FUZZ_CHECK(p->edges[i].name && !p->edges[i].marker == !p->edges[i].marker_text);
		uv_lock_target(lock, &p->edges[i]);
	}
	for (size_t i = 0; i < p->wheel_count; i++)
		FUZZ_CHECK(p->wheels[i].name && p->wheels[i].url && !strchr(p->wheels[i].name, '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autofd int fd = memory_file(bytes, length);
	struct uv_lock lock;

	if (uv_lock_read(&a, arena_printf(&a, "/proc/self/fd/%d", fd), &lock, &err)) {
		FUZZ_CHECK(error_is_set(&err) && *err.text);
		return 0;
	}
	for (size_t i = 0; i < lock.package_count; i++)
		check_package(&lock, &lock.packages[i]);
	return 0;
}
