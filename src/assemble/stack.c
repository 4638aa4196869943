#include "assemble/stack.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "fetch/store.h"
#include "layer/bytecode.h"
#include "layer/interpreter.h"
#include "layer/made.h"
#include "layer/take_all.h"
#include "lock/lock.h"
#include "python/direct_url.h"
#include "recipe/database.h"

/* Another number when images are put together in another way. */
#define STACK_FORM "lockstep image 1"
enum {
	/* A day past the first that zip archives can say, so that they can say it in any time zone. */
	OTHERWISE_UNIX = 315619200,
	NAMES_SHOWN = 6,
};

int64_t stack_time(void)
{
	return clock_source_date_unix(OTHERWISE_UNIX);
}

/* ---- the plan ---- */

void stack_list(struct arena *a, const struct lock *lock, const char *container, struct stack_package **ret, size_t *ret_count)
{
	const struct lock_container *c = lock_container(lock, container);
	const struct lock_environment *environment = c ? lock_environment(lock, c->environment) : NULL;
	struct stack_package *list = NULL;
	const char *const *tags = NULL;
	size_t count = 0, tag_count = 0;

	if (environment)
		lock_environment_tags(a, environment, &tags, &tag_count);
	for (size_t i = 0; environment && i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];
		const struct lock_file *file = pin_is_built_in(pin, c) ? pin_file_by_tags(pin, tags, tag_count) : NULL;

		if (file)
			*arena_push(a, &list, &count) = (struct stack_package){
				.name = pin->name, .version = pin->version, .file = file->name, .sha256 = file->sha256, .size_bytes = file->size_bytes};
	}
	*ret = list;
	*ret_count = count;
}

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

/* All of them are named to pip, which then takes all as asked for by people. */
static struct layer_wheel wheel_of(struct arena *a, const struct stack_package *p)
{
	return (struct layer_wheel){
		.path = store_path(a, p->sha256),
		.sha256 = p->sha256,
		.options = {.file_name = p->file, .name = p->name, .is_requested = true, .direct_url = origin_text(a, p)},
	};
}

/* The wheels of the container, in whichever layer, that are declared to overwrite this one. */
static void add_overwriting(struct arena *a, const struct stack_request *q, struct layer_wheel *wheel)
{
	const struct layer_wheel **list = NULL;
	size_t count = 0;

	for (size_t i = 0; q->db && i < q->package_count; i++) {
		if (!package_overwrites(q->db, q->packages[i].name, wheel->options.name))
			continue;
		struct layer_wheel *by = arena_new(a, struct layer_wheel);

		*by = wheel_of(a, &q->packages[i]);
		*arena_push(a, &list, &count) = by;
	}
	wheel->overwritten_by = list;
	wheel->overwritten_by_count = count;
}

static void make_request(struct arena *a, const struct stack_request *q, struct stack_layer *l)
{
	struct layer_wheel *wheels = arena_array(a, l->package_count, sizeof(*wheels));
	char key[DIGEST_HEX_LENGTH + 1];

	for (size_t i = 0; i < l->package_count; i++) {
		wheels[i] = wheel_of(a, l->packages[i]);
		add_overwriting(a, q, &wheels[i]);
	}
	struct layer_request *request = arena_new(a, struct layer_request);

	*request = (struct layer_request){.wheels = wheels,
					  .wheel_count = l->package_count,
					  .place = &q->below->interpreter->place,
					  .bytecode = compiled(a, q),
					  .modified_unix = stack_time(),
					  .packing = text_equal(q->packing, "zstd") ? LAYER_ZSTD : LAYER_GZIP};
	l->request = request;
	layer_key(request, key);
	l->key = arena_strdup(a, key);
}

/* With what is below there are at most LAYER_PLAN_MAX: engines take 127. */
static size_t layer_limit(const struct stack_request *q)
{
	size_t limit = q->limit ? q->limit : LAYER_PLAN_DEFAULT, below = q->below ? q->below->image.layer_count : 0;
	size_t room = below < LAYER_PLAN_MAX ? LAYER_PLAN_MAX - below : 1;

	return limit < room ? limit : room;
}

void stack_plan(struct arena *a, const struct stack_request *q, struct stack *ret)
{
	struct layer_question question = {.packages = list_packages(a, q), .count = q->package_count, .limit = layer_limit(q)};
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
		if (q->below)
			make_request(a, q, l);
	}
	*ret = s;
}

/* ---- the layers ---- */

bool stack_layer_is_kept(const struct stack_layer *layer)
{
	struct layer_made made;

	return layer->made || layer_known(layer->request, &made);
}

size_t stack_missing(const struct stack *stack)
{
	size_t count = 0;

	for (size_t i = 0; i < stack->count; i++)
		count += !stack_layer_is_kept(&stack->layers[i]);
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

void stack_recall(struct arena *a, struct stack *s)
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

/* What is to be made for one interpreter, or without any, whichever containers it is for. */
struct making {
	struct arena *arena;
	const struct stack_watch *watch;
	const struct layer_runner *runner;
	struct layer_request *requests;
	struct stack_layer **layers;
	size_t count, layer_count;
	size_t before, total; /* of all: made for other interpreters, and to be made */
	size_t made;
};

static const char *identity_of(const struct stack_layer *l)
{
	return l->request->bytecode ? l->request->bytecode->identity : "";
}

static void on_event(void *context, size_t request, enum layer_event event, const struct layer_made *layer __attribute__((unused)))
{
	struct making *m = context;

	if (event != LAYER_BEGUN)
		m->made++;
	m->layers[request]->is_new |= event == LAYER_MADE;
	if (m->watch)
		m->watch->on_layer(m->watch->context, m->layers[request], m->before + m->made, m->total);
}

static bool is_asked_for(const struct making *m, const char *key)
{
	for (size_t i = 0; i < m->layer_count; i++) {
		if (!strcmp(m->layers[i]->key, key))
			return true;
	}
	return false;
}

/* Collects the missing layers of the same interpreter as `first`. */
static void collect(struct making *m, const struct stack_wish *wishes, size_t count, const struct stack_layer *first)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < wishes[i].stack->count; k++) {
			struct stack_layer *l = &wishes[i].stack->layers[k];

			if (l->made || strcmp(identity_of(l), identity_of(first)) != 0 || is_asked_for(m, l->key))
				continue;
			m->runner = m->runner ? m->runner : wishes[i].runner;
			*arena_push(m->arena, &m->requests, &m->count) = *l->request;
			*arena_push(m->arena, &m->layers, &m->layer_count) = l;
		}
	}
}

static int make(struct making *m, const struct stack_wish *wishes, size_t count, const struct stack_layer *first, struct error *err)
{
	struct layer_taking how = {.on_event = on_event, .context = m};
	struct layer_made *made;

	m->requests = NULL;
	m->layers = NULL;
	m->count = m->layer_count = m->made = 0;
	m->runner = NULL;
	collect(m, wishes, count, first);
	how.runner = *identity_of(first) ? m->runner : NULL;
	if (*identity_of(first) && !how.runner)
		return error_set(err, ERR_ENGINE, "there is no engine to run the Python that compiles the sources of '%s'", first->packages[0]->name);
	made = arena_array(m->arena, m->count, sizeof(*made));
	if (layer_take_all(m->requests, m->count, &how, made, err) < 0)
		return -1;
	for (size_t i = 0; i < m->count; i++)
		m->layers[i]->made = &made[i];
	m->before += m->count;
	return 0;
}

bool stack_wants_python(const struct stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		if (stack->layers[i].request->bytecode && !stack_layer_is_kept(&stack->layers[i]))
			return true;
	}
	return false;
}

/* Each once. */
static size_t count_missing(struct arena *a, const struct stack_wish *wishes, size_t count)
{
	struct making seen = {.arena = a};

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < wishes[i].stack->count; k++) {
			struct stack_layer *l = &wishes[i].stack->layers[k];

			if (!l->made && !is_asked_for(&seen, l->key))
				*arena_push(a, &seen.layers, &seen.layer_count) = l;
		}
	}
	return seen.layer_count;
}

int stack_take(struct arena *a, const struct stack_wish *wishes, size_t count, const struct stack_watch *watch, struct error *err)
{
	struct making m = {.arena = a, .watch = watch};

	for (size_t i = 0; i < count; i++)
		stack_recall(a, wishes[i].stack);
	m.total = count_missing(a, wishes, count);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < wishes[i].stack->count; k++) {
			struct stack_layer *l = &wishes[i].stack->layers[k];
			const struct stack_layer *taken = l->made ? NULL : find_taken(wishes, count, l->key);

			if (taken)
				l->made = taken->made;
			else if (!l->made && make(&m, wishes, count, l, err) < 0)
				return -1;
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
			.media_type = stack->layers[i].request->packing == LAYER_ZSTD ? IMAGE_LAYER_ZSTD : IMAGE_LAYER_GZIP,
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
