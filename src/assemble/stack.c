#include "assemble/stack.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "fetch/store.h"
#include "layer/bytecode.h"
#include "layer/interpreter.h"
#include "layer/made.h"
#include "python/direct_url.h"

/* Another number when images are put together in another way. */
#define STACK_FORM "lockstep image 1"
enum {
	/* Of every file, where SOURCE_DATE_EPOCH says nothing: a day past what zip archives can say, in any time zone. */
	MODIFIED_UNIX = 315619200,
	NAMES_SHOWN = 6,
};

/* ---- the plan ---- */

static const char *origin_text(struct arena *a, const struct stack_package *p)
{
	struct direct_url_hash hash = {"sha256", p->sha256};
	autostrbuf struct strbuf text = {0};

	if (!p->origin)
		return NULL;
	direct_url_write(&text, &(struct direct_url){.kind = DIRECT_URL_ARCHIVE, .url = p->origin, .has_hashes = true, .hashes = &hash, .hash_count = 1});
	return arena_strdup(a, strbuf_text(&text));
}

static struct layer_package *list_packages(struct arena *a, const struct stack_request *q)
{
	struct layer_package *list = arena_array(a, q->package_count + 1, sizeof(*list));

	for (size_t i = 0; i < q->package_count; i++) {
		const struct stack_package *p = &q->packages[i];
		const struct history_package *was = history_package(q->history, p->name);

		list[i] = (struct layer_package){.name = p->name, .size_bytes = p->size_bytes};
		if (was) {
			list[i].moved = was->moved;
			list[i].seen = was->seen;
			list[i].moves_now = !text_equal(was->sha256, p->sha256);
		}
	}
	return list;
}

/* How sources are compiled; NULL: not at all. */
static const struct bytecode *compiled(struct arena *a, const struct stack_request *q)
{
	struct bytecode *b = arena_new(a, struct bytecode);

	b->identity = q->below->interpreter->identity;
	return bytecode_mode_read(q->bytecode, &b->mode) ? b : NULL;
}

static void make_request(struct arena *a, const struct stack_request *q, struct stack_layer *l)
{
	struct layer_wheel *wheels = arena_array(a, l->package_count, sizeof(*wheels));
	char key[DIGEST_HEX_LENGTH + 1];

	for (size_t i = 0; i < l->package_count; i++) {
		const struct stack_package *p = l->packages[i];

		/* All of them are named to pip, which then takes all as asked for by people. */
		wheels[i] = (struct layer_wheel){
			.path = store_path(a, p->sha256),
			.sha256 = p->sha256,
			.options = {.file_name = p->file, .name = p->name, .is_requested = true, .direct_url = origin_text(a, p)},
		};
	}
	struct layer_request *request = arena_new(a, struct layer_request);

	*request = (struct layer_request){.wheels = wheels,
					  .wheel_count = l->package_count,
					  .place = &q->below->interpreter->place,
					  .bytecode = compiled(a, q),
					  .modified_unix = clock_source_date_unix(MODIFIED_UNIX)};
	l->request = request;
	layer_key(request, key);
	l->key = arena_strdup(a, key);
}

void stack_plan(struct arena *a, const struct stack_request *q, struct stack *ret)
{
	struct layer_question question = {.packages = list_packages(a, q), .count = q->package_count, .limit = q->limit ? q->limit : LAYER_PLAN_DEFAULT};
	struct layer_group *groups = NULL;
	struct stack s = {0};

	if (q->history) {
		question.before = q->history->layers;
		question.before_count = q->history->layer_count;
	}
	if (q->package_count)
		layer_plan(a, &question, &groups, &s.count);
	s.layers = arena_array(a, s.count + 1, sizeof(*s.layers));
	for (size_t i = 0; i < s.count; i++) {
		struct stack_layer *l = &s.layers[i];

		*l = (struct stack_layer){.is_kept = groups[i].is_kept, .why = groups[i].why, .package_count = groups[i].count};
		l->packages = arena_array(a, l->package_count, sizeof(*l->packages));
		for (size_t k = 0; k < l->package_count; k++)
			l->packages[k] = &q->packages[groups[i].packages[k]];
		make_request(a, q, l);
	}
	*ret = s;
}

/* ---- the layers ---- */

size_t stack_missing(const struct stack *stack)
{
	struct layer_made made;
	size_t count = 0;

	for (size_t i = 0; i < stack->count; i++)
		count += !stack->layers[i].made && !layer_known(stack->layers[i].request, &made);
	return count;
}

static const struct stack_layer *find_taken(const struct stack_wish *wishes, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		const struct stack *s = wishes[i].stack;

		for (size_t k = 0; k < s->count; k++) {
			if (s->layers[k].made && !strcmp(s->layers[k].key, key))
				return &s->layers[k];
		}
	}
	return NULL;
}

/* What the store has. */
static void recall_layers(struct arena *a, struct stack *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct layer_made made;

		if (s->layers[i].made || !layer_known(s->layers[i].request, &made))
			continue;
		struct layer_made *kept = arena_new(a, struct layer_made);

		*kept = made;
		s->layers[i].made = kept;
	}
}

/* The sources of what is missing, those of one container together. */
static int compile(struct arena *a, const struct stack_wish *wish, struct error *err)
{
	struct layer_request *requests = NULL;
	size_t count = 0;

	for (size_t i = 0; i < wish->stack->count; i++) {
		const struct stack_layer *l = &wish->stack->layers[i];

		if (!l->made && l->request->bytecode)
			*arena_push(a, &requests, &count) = *l->request;
	}
	if (!count)
		return 0;
	if (!wish->runner)
		return error_set(err, ERR_ENGINE, "there is no engine to run the Python that compiles");
	return bytecode_make(requests, count, wish->runner, err);
}

int stack_take(struct arena *a, const struct stack_wish *wishes, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		recall_layers(a, wishes[i].stack);
		if (compile(a, &wishes[i], err) < 0)
			return -1;
		for (size_t k = 0; k < wishes[i].stack->count; k++) {
			struct stack_layer *l = &wishes[i].stack->layers[k];
			const struct stack_layer *taken = l->made ? l : find_taken(wishes, count, l->key);
			struct layer_made *made = arena_new(a, struct layer_made);

			if (!taken && layer_take(l->request, made, &l->is_new, err) < 0)
				return -1;
			l->made = taken ? taken->made : made;
		}
	}
	return 0;
}

/* ---- the image ---- */

/* "lockstep: numpy 1.26.4", as `docker history` shows it. */
static const char *created_by(struct arena *a, const struct stack_layer *l)
{
	autostrbuf struct strbuf text = {0};
	size_t shown = l->package_count <= NAMES_SHOWN + 1 ? l->package_count : NAMES_SHOWN;

	strbuf_add(&text, "lockstep: ");
	for (size_t i = 0; i < shown; i++)
		strbuf_printf(&text, "%s%s %s", i ? ", " : "", l->packages[i]->name, l->packages[i]->version);
	if (shown < l->package_count)
		strbuf_printf(&text, " and %zu more", l->package_count - shown);
	return arena_strdup(a, strbuf_text(&text));
}

int stack_image(struct arena *a, const struct below *below, const struct stack *stack, const char *const *labels, int64_t created_unix, struct image *ret,
		struct error *err)
{
	struct image_layer *layers = arena_array(a, stack->count + 1, sizeof(*layers));
	struct image image;

	for (size_t i = 0; i < stack->count; i++) {
		const struct layer_made *l = stack->layers[i].made;

		layers[i] = (struct image_layer){
			.digest = arena_printf(a, "sha256:%s", l->digest),
			.diff_id = arena_printf(a, "sha256:%s", l->diff_id),
			.media_type = IMAGE_LAYER_GZIP,
			.size_bytes = (int64_t)l->packed_bytes,
			.path = store_path(a, l->digest),
			.created_by = created_by(a, &stack->layers[i]),
		};
	}
	struct image_top top = {.layers = layers, .layer_count = stack->count, .labels = labels, .created_unix = created_unix};

	if (image_make(a, &below->image, &top, &image, err) < 0)
		return -1;
	for (size_t i = 0; i < stack->count; i++)
		image.layers[image.layer_count - stack->count + i].path = layers[i].path;
	*ret = image;
	return 0;
}

const char *stack_key(struct arena *a, const struct below *below, const struct stack *stack, const char *const *labels, int64_t created_unix)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, STACK_FORM);
	digest_add_part(&d, below->key);
	digest_add_part(&d, arena_printf(a, "%lld", (long long)created_unix));
	digest_add_part(&d, arena_printf(a, "%zu", stack->count));
	for (size_t i = 0; i < stack->count; i++)
		digest_add_part(&d, stack->layers[i].key);
	for (; labels && *labels; labels++)
		digest_add_part(&d, *labels);
	digest_end(&d, hex);
	return arena_strdup(a, hex);
}
