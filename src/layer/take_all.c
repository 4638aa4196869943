#include "layer/take_all.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fetch/store.h"
#include "io/crew.h"
#include "io/signals.h"
#include "layer/bytecode.h"
#include "layer/made.h"

enum { WAIT_US = 50000 };

/* A request that is to be made. */
struct wish {
	size_t request;
	uint64_t size_bytes; /* of its wheels */
};

struct taking {
	const struct layer_request *requests;
	const struct layer_taking *how;
	struct layer_made *ret;
	struct wish *wishes;
	size_t count;
};

static void tell(const struct taking *t, size_t request, enum layer_event event)
{
	if (t->how->on_event)
		t->how->on_event(t->how->context, request, event, event == LAYER_BEGUN ? NULL : &t->ret[request]);
}

/* Larger first: the last to end is then a small one. */
static int by_size(const void *left, const void *right)
{
	const struct wish *a = left, *b = right;

	if (a->size_bytes != b->size_bytes)
		return a->size_bytes > b->size_bytes ? -1 : 1;
	return (a->request > b->request) - (a->request < b->request);
}

static void list_wishes(struct taking *t, size_t count)
{
	t->wishes = mem_zero(count + 1, sizeof(*t->wishes));
	for (size_t i = 0; i < count; i++) {
		struct wish *wish = &t->wishes[t->count];

		if (layer_known(&t->requests[i], &t->ret[i])) {
			tell(t, i, LAYER_KEPT);
			continue;
		}
		*wish = (struct wish){.request = i};
		for (size_t n = 0; n < t->requests[i].wheel_count; n++) {
			int64_t size = file_size(t->requests[i].wheels[n].path);

			wish->size_bytes += size > 0 ? (uint64_t)size : 0;
		}
		t->count++;
	}
	if (t->count > 1)
		qsort(t->wishes, t->count, sizeof(*t->wishes), by_size);
}

static int compile_all(const struct taking *t, struct error *err)
{
	struct layer_request *missing = mem_zero(t->count + 1, sizeof(*missing));
	size_t count = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (t->requests[t->wishes[i].request].bytecode)
			missing[count++] = t->requests[t->wishes[i].request];
	}
	int result = count ? bytecode_make(missing, count, t->how->runner, err) : 0;

	free(missing);
	return result;
}

static int take_patiently(const struct layer_request *request, struct layer_made *ret, struct error *err)
{
	for (;;) {
		autoerror struct error busy = {0};

		if (layer_take(request, ret, NULL, &busy) == 0)
			return 0;
		if (busy.code != ERR_BUSY) {
			error_move(err, &busy);
			return -1;
		}
		if (signals_check(err) < 0)
			return -1;
		usleep(WAIT_US);
	}
}

/* In a child. */
static int take_one(void *context, size_t number, struct strbuf *out, struct error *err)
{
	const struct taking *t = context;
	struct layer_made layer;

	if (take_patiently(&t->requests[t->wishes[number].request], &layer, err) < 0)
		return -1;
	strbuf_add_bytes(out, (const char *)&layer, sizeof(layer));
	return 0;
}

static void note_begin(void *context, size_t number)
{
	const struct taking *t = context;

	tell(t, t->wishes[number].request, LAYER_BEGUN);
}

static void note_end(void *context, size_t number, const struct strbuf *out)
{
	const struct taking *t = context;
	size_t request = t->wishes[number].request;

	assert(out->length == sizeof(t->ret[0]));
	memcpy(&t->ret[request], out->text, sizeof(t->ret[0]));
	tell(t, request, LAYER_MADE);
}

static void tell_death(void *context, size_t number, const char *how, struct error *err)
{
	const struct taking *t = context;

	error_set(err, ERR_FAILED, "cannot make a layer of '%s': the process that makes it ended with %s",
		  t->requests[t->wishes[number].request].wheels[0].options.file_name, how);
}

/* What a killed child left half made. */
static void drop_half(void *context, size_t number)
{
	const struct taking *t = context;
	autoerror struct error ignored = {0};
	struct store_partial p = {0};
	char key[DIGEST_HEX_LENGTH + 1];

	layer_key(&t->requests[t->wishes[number].request], key);
	if (store_partial_open(&p, key, &ignored) == 0)
		store_partial_discard(&p);
}

static int make_all(struct taking *t, struct error *err)
{
	struct strbuf *outs = mem_zero(t->count + 1, sizeof(*outs));
	int result = crew_run(&(struct crew_task){.work = take_one,
						  .context = t,
						  .count = t->count,
						  .at_once = t->how->at_once ? t->how->at_once : crew_cores(),
						  .on_begin = note_begin,
						  .on_end = note_end,
						  .on_death = tell_death,
						  .on_kill = drop_half},
			      outs, err);

	for (size_t i = 0; i < t->count; i++)
		strbuf_release(&outs[i]);
	free(outs);
	return result;
}

int layer_take_all(const struct layer_request *requests, size_t count, const struct layer_taking *how, struct layer_made *ret, struct error *err)
{
	struct taking t = {.requests = requests, .how = how, .ret = ret};

	list_wishes(&t, count);
	int result = compile_all(&t, err) < 0 || make_all(&t, err) < 0 ? -1 : 0;

	free(t.wishes);
	return result;
}
