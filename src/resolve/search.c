#include "resolve/search.h"

#include "resolve/pip.h"

int search_ask(struct uv *uv, const struct question *q, const struct uv_wish *wish, struct uv_lock *ret, struct uv_refusal *refusal, struct error *err)
{
	const char *path;
	int answered;

	if (uv->by_pip)
		return pip_ask(uv, q, wish, ret, refusal, err);
	answered = uv_ask(uv, q, wish, &path, refusal, err);
	if (answered > 0 && ret && uv_lock_read(uv->arena, path, ret, err) < 0)
		return -1;
	return answered;
}
