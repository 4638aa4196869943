#include "registry/push.h"

#include <string.h>

#include "base/arena.h"
#include "io/digest.h"

struct put {
	const char *registry, *digest; /* of what is sent */
	struct push_manifest *item;
	struct error *err; /* the first failure of all */
};

static void on_failure(void *context, struct error *err)
{
	const struct put *p = context;

	if (!error_is_set(p->err))
		error_move(p->err, err);
}

static void on_put(void *context, const struct registry_answer *a)
{
	const struct put *p = context;
	autoerror struct error err = {0};

	p->item->has_subject = a->subject != NULL;
	if (a->status >= 300)
		error_set(&err, ERR_HTTP, "cannot push a manifest to '%s/%s': there is no such repository", p->registry, p->item->repository);
	else if (a->digest && strcmp(a->digest, p->digest) != 0)
		error_set(&err, ERR_DIGEST, "cannot push a manifest to '%s/%s': the registry says that it got other bytes", p->registry, p->item->repository);
	if (error_is_set(&err))
		on_failure(context, &err);
}

int push_manifests(struct registries *all, const char *registry, struct push_manifest *items, size_t count, struct error *err)
{
	autoarena struct arena a = {0};
	autoerror struct error failure = {0};
	struct put *puts = arena_array(&a, count + 1, sizeof(*puts));
	struct http_body *bodies = arena_array(&a, count + 1, sizeof(*bodies));
	char hex[DIGEST_HEX_LENGTH + 1];

	for (size_t i = 0; i < count; i++) {
		digest_bytes(items[i].bytes, items[i].length, hex);
		puts[i] = (struct put){.registry = registry, .digest = arena_printf(&a, "sha256:%s", hex), .item = &items[i], .err = &failure};
		bodies[i] = (struct http_body){.bytes = items[i].bytes, .length = (int64_t)items[i].length};
		registry_add(all, &(struct registry_call){.registry = registry,
							  .repository = items[i].repository,
							  .writes = true,
							  .method = "PUT",
							  .path = arena_printf(&a, "manifests/%s", items[i].name),
							  .content_type = items[i].media_type,
							  .body = &bodies[i],
							  .on_answer = on_put,
							  .on_failure = on_failure,
							  .context = &puts[i]});
	}
	if (registry_serve(all, err) < 0)
		return -1;
	if (!error_is_set(&failure))
		return 0;
	error_move(err, &failure);
	return -1;
}
