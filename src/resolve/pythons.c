#include "resolve/pythons.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "lock/environment.h"
#include "python/version.h"
#include "python/wheel.h"
#include "resolve/index_http.h"

enum { METADATA_LIMIT_BYTES = 4 * 1024 * 1024 };

/* In the cache: the index has no metadata beside the file. No specifier. */
static const char NOT_TOLD[] = "not told";

/* What one file says; `text` is "" when it says nothing, NULL when that cannot be known. */
struct known_python {
	const char *sha256, *text;
	struct specifier_set *set;
	struct strbuf body;
	struct pythons *owner;
};

static const char *cache_path(struct arena *a, const char *sha256)
{
	return arena_printf(a, "%s/requires-python/%.2s/%s", path_cache_dir(a), sha256, sha256);
}

static void learn(struct known_python *k, const char *text)
{
	size_t at;

	k->text = arena_strdup(&k->owner->arena, text);
	k->set = *text ? specifier_set_parse(&k->owner->arena, k->text, &at) : NULL;
}

/* That the cache cannot be written is no matter here: it is asked for again then. */
void pythons_remember(const char *sha256, const char *requires_python)
{
	autoarena struct arena scratch = {0};
	autoerror struct error ignored = {0};
	const char *path = cache_path(&scratch, sha256);

	if (file_make_parents(path, &ignored) == 0)
		file_write_derived(path, requires_python, strlen(requires_python), &ignored);
}

static void learn_from(struct known_python *k, const struct wheel_metadata *metadata)
{
	learn(k, metadata->requires_python ? metadata->requires_python : "");
	pythons_remember(k->sha256, k->text);
}

static bool on_body(void *context, long status, const char *bytes, size_t length)
{
	struct known_python *k = context;

	if (status != 200 || k->body.length + length > METADATA_LIMIT_BYTES)
		return false;
	strbuf_add_bytes(&k->body, bytes, length);
	return true;
}

static void on_done(void *context, const struct http_answer *answer)
{
	struct known_python *k = context;
	autoarena struct arena scratch = {0};
	autoerror struct error ignored = {0};
	struct wheel_metadata metadata;

	if (answer->outcome == HTTP_DONE && answer->status == 200 &&
	    wheel_metadata_parse(&scratch, strbuf_text(&k->body), k->body.length, &metadata, &ignored) == 0)
		learn_from(k, &metadata);
	/* Asking for it each time anew would cost more than all the rest; what is fetched is checked in any case. */
	if (answer->outcome == HTTP_DONE && answer->status == 404) {
		learn(k, NOT_TOLD);
		pythons_remember(k->sha256, NOT_TOLD);
	}
	strbuf_release(&k->body);
}

static int ask(struct known_python *k, const struct lock_file *file, struct error *err)
{
	struct pythons *p = k->owner;
	autoarena struct arena scratch = {0};

	if (!p->http && !(p->http = index_http_new(p->settings, err)))
		return -1;
	http_add(p->http, &(struct http_request){.url = index_http_url(&scratch, arena_printf(&scratch, "%s.metadata", file->url), p->settings),
						 .compressed = true,
						 .use_netrc = p->settings->netrc != NULL,
						 .on_body = on_body,
						 .on_done = on_done,
						 .context = k});
	return 0;
}

static struct known_python *find(const struct pythons *p, const char *sha256)
{
	for (size_t i = 0; i < p->known_count; i++) {
		if (!strcmp(p->known[i]->sha256, sha256))
			return p->known[i];
	}
	return NULL;
}

static bool is_in(const struct pin *pin, const struct asker *asker, const struct lock_environment *environment)
{
	if (!(asker->is_layer ? pin_in_layer(pin, asker->name) : pin_in_container(pin, asker->name)))
		return false;
	for (size_t i = 0; i < pin->environment_count; i++) {
		if (!strcmp(pin->environments[i], environment->name))
			return true;
	}
	return !pin->environment_count;
}

/* The files that would be installed, each with where. */
struct installed {
	const struct pin *pin;
	const struct lock_file *file;
	const struct asker *asker;
	const struct lock_environment *environment;
};

static bool is_in_container(const struct pin *pin, const struct lock_container *c, const char *environment)
{
	bool in_layer = false;

	for (size_t i = 0; i < c->layer_count && !in_layer; i++)
		in_layer = pin_in_layer(pin, c->layers[i]);
	return in_layer || pin_is_in(pin, c, environment);
}

static bool has_environment(const struct lock_container *c, const char *environment)
{
	const char *name;

	for (size_t i = 0; (name = lock_container_environment(c, i)); i++) {
		if (!strcmp(name, environment))
			return true;
	}
	return false;
}

/* The last lock has the file in the environment: whether it fits was looked at then. */
static bool was_taken(const struct lock *last, const struct installed *one)
{
	for (size_t i = 0; last && i < last->pin_count; i++) {
		const struct pin *pin = &last->pins[i];
		bool has_file = false;

		for (size_t j = 0; j < pin->file_count && !has_file && !strcmp(pin->name, one->pin->name); j++)
			has_file = !strcmp(pin->files[j].sha256, one->file->sha256);
		for (size_t j = 0; has_file && j < last->container_count; j++) {
			const struct lock_container *c = &last->containers[j];

			if (has_environment(c, one->environment->name) && is_in_container(pin, c, one->environment->name))
				return true;
		}
	}
	return false;
}

/* From what was asked before, the cache, the last lock, the file itself where it lies on this machine, or its index. */
static int begin(struct pythons *p, const struct installed *one, struct error *err)
{
	const struct lock_file *file = one->file;
	autoarena struct arena scratch = {0};
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct wheel_metadata metadata;

	if (find(p, file->sha256))
		return 0;
	bool is_cached = file_read(cache_path(&scratch, file->sha256), METADATA_LIMIT_BYTES, &text, &ignored) == 0;

	if (!is_cached && was_taken(p->last, one))
		return 0;
	struct known_python *k = arena_new(&p->arena, struct known_python);

	*arena_push(&p->arena, &p->known, &p->known_count) = k;
	*k = (struct known_python){.sha256 = arena_strdup(&p->arena, file->sha256), .owner = p};
	if (is_cached) {
		learn(k, strbuf_text(&text));
		return 0;
	}
	if (file->url && text_starts_with(file->url, "file://") && wheel_metadata_read(&scratch, file->url + strlen("file://"), &metadata, &ignored) == 0)
		learn_from(k, &metadata);
	if (!file->url || (!text_starts_with(file->url, "http://") && !text_starts_with(file->url, "https://")))
		return 0;
	return ask(k, file, err);
}

struct platform {
	const struct lock_environment *environment;
	const char *const *tags;
	size_t tag_count;
};

static const struct platform *platform_of(struct arena *a, struct platform **platforms, size_t *count, const struct lock_environment *environment)
{
	for (size_t i = 0; i < *count; i++) {
		if ((*platforms)[i].environment == environment)
			return &(*platforms)[i];
	}
	struct platform *platform = arena_push(a, platforms, count);

	platform->environment = environment;
	lock_environment_tags(a, environment, &platform->tags, &platform->tag_count);
	return platform;
}

static void collect(struct arena *a, const struct question *q, const struct projection *projection, struct installed **ret, size_t *ret_count)
{
	struct platform *platforms = NULL;
	size_t platform_count = 0;

	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].environment_count; j++) {
			const struct platform *platform = platform_of(a, &platforms, &platform_count, q->askers[i].environments[j]);

			for (size_t k = 0; k < projection->pin_count; k++) {
				const struct pin *pin = &projection->pins[k];
				const struct lock_file *file =
					is_in(pin, &q->askers[i], platform->environment) ? pin_file_by_tags(pin, platform->tags, platform->tag_count) : NULL;

				if (file)
					*arena_push(a, ret, ret_count) = (struct installed){pin, file, &q->askers[i], platform->environment};
			}
		}
	}
}

static bool takes(const struct known_python *k, const struct lock_environment *environment)
{
	autoarena struct arena scratch = {0};
	struct environment_values values;

	if (!k || !k->set)
		return true;
	environment_values(&scratch, environment, &values);
	return specifier_set_contains(k->set, values.lowest.python_full_version, true) ||
	       specifier_set_contains(k->set, values.highest.python_full_version, true);
}

static bool is_known_misfit(const struct projection *projection, const struct installed *one)
{
	for (size_t i = 0; i < projection->misfit_count; i++) {
		const struct misfit *m = &projection->misfits[i];

		if (m->environment == one->environment && !strcmp(m->name, one->pin->name) && !strcmp(m->version, one->pin->version))
			return true;
	}
	return false;
}

/* "cp311-cp311-...": built for one Python, and chosen by it; there is nothing above which it could end. */
static bool is_for_one_python(const char *file_name)
{
	autoarena struct arena scratch = {0};
	struct wheel_name wheel;

	if (!wheel_name_parse(&scratch, file_name, &wheel))
		return false;
	for (size_t i = 0; i < wheel.tag_count; i++) {
		size_t length = strcspn(wheel.tags[i], "-");

		/* The interpreter's tag and the ABI's begin alike: "cp311-cp311", "cp313-cp313t"; "cp39-abi3" does not. */
		if (!text_starts_with(wheel.tags[i], "cp3") || length < 4 || strncmp(wheel.tags[i], wheel.tags[i] + length + 1, length) != 0)
			return false;
	}
	return true;
}

int pythons_check(struct pythons *p, const struct question *q, struct projection *projection, struct error *err)
{
	autoarena struct arena scratch = {0};
	struct installed *installed = NULL;
	size_t count = 0;

	collect(&scratch, q, projection, &installed, &count);
	for (size_t i = 0; i < count; i++) {
		if (!is_for_one_python(installed[i].file->name) && begin(p, &installed[i], err) < 0)
			return -1;
	}
	while (p->http && http_pending(p->http)) {
		if (http_wait(p->http, 1000, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < count; i++) {
		const struct installed *one = &installed[i];
		const struct known_python *k = find(p, one->file->sha256);

		if (takes(k, one->environment) || is_known_misfit(projection, one))
			continue;
		*arena_push(&p->arena, &projection->misfits, &projection->misfit_count) = (struct misfit){
			.name = one->pin->name,
			.version = one->pin->version,
			.asker = one->asker,
			.environment = one->environment,
			.requires_python = k->text,
		};
	}
	return 0;
}

void pythons_release(struct pythons *p)
{
	if (p->http)
		http_free(p->http);
	for (size_t i = 0; i < p->known_count; i++)
		strbuf_release(&p->known[i]->body);
	arena_release(&p->arena);
}
