#include "assemble/history.h"

#include <string.h>

const struct history_container *history_container(const struct history *h, const char *name)
{
	for (size_t i = 0; h && i < h->container_count; i++) {
		if (!strcmp(h->containers[i].name, name))
			return &h->containers[i];
	}
	return NULL;
}

const struct history_package *history_package(const struct history_container *c, const char *name)
{
	for (size_t i = 0; c && i < c->package_count; i++) {
		if (!strcmp(c->packages[i].name, name))
			return &c->packages[i];
	}
	return NULL;
}
