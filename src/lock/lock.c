#include "lock/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "lock/lock_order.h"
#include "python/name.h"
#include "python/version.h"
#include "python/wheel.h"
#include "recipe/database.h"

void lock_release(struct lock *lock)
{
	arena_release(&lock->arena);
	*lock = (struct lock){0};
}

static int compare_tools(const void *a, const void *b)
{
	return text_compare(((const struct lock_tool *)a)->name, ((const struct lock_tool *)b)->name);
}

static int compare_environments(const void *a, const void *b)
{
	return text_compare(((const struct lock_environment *)a)->name, ((const struct lock_environment *)b)->name);
}

static int compare_containers(const void *a, const void *b)
{
	return text_compare(((const struct lock_container *)a)->name, ((const struct lock_container *)b)->name);
}

static int compare_versions(const char *a, const char *b)
{
	int order = text_equal(a, b) ? 0 : !a || !b ? text_compare(a, b) : version_compare_texts(a, b);

	return order ? order : text_compare(a, b);
}

static int compare_lists(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
	for (size_t i = 0; i < a_count && i < b_count; i++) {
		int order = text_compare(a[i], b[i]);

		if (order)
			return order;
	}
	return (a_count > b_count) - (a_count < b_count);
}

int pin_compare(const void *left, const void *right)
{
	const struct pin *a = left, *b = right;
	int order = (int)pin_is_toolchain(a) - (int)pin_is_toolchain(b);

	if (!order)
		order = text_compare(a->name, b->name);
	if (!order)
		order = compare_versions(a->version, b->version);
	return order ? order : compare_lists(a->containers, a->container_count, b->containers, b->container_count);
}

int lock_edge_compare(const void *left, const void *right)
{
	const struct lock_edge *a = left, *b = right;
	int order = text_compare(a->name, b->name);

	if (!order)
		order = compare_versions(a->version, b->version);
	if (!order)
		order = text_compare(a->extra, b->extra);
	if (!order)
		order = text_compare(a->marker, b->marker);
	return order ? order : compare_lists(a->extras, a->extra_count, b->extras, b->extra_count);
}

int lock_file_compare(const void *a, const void *b)
{
	return text_compare(((const struct lock_file *)a)->name, ((const struct lock_file *)b)->name);
}

int lock_archive_compare(const void *left, const void *right)
{
	const struct lock_archive *a = left, *b = right;
	int order = text_compare(a->name, b->name);

	return order ? order : text_compare(a->sha256, b->sha256);
}

int lock_deb_compare(const void *left, const void *right)
{
	const struct lock_deb *a = left, *b = right;
	int order = text_compare(a->name, b->name);

	if (!order)
		order = text_compare(a->architecture, b->architecture);
	if (!order)
		order = text_compare(a->version, b->version);
	return order ? order : text_compare(a->sha256, b->sha256);
}

static bool in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

const char *lock_direct_name(struct arena *a, const char *requirement)
{
	size_t length = 0;

	while (in_name(requirement[length]))
		length++;
	return name_canonical(a, arena_strndup(a, requirement, length));
}

/* The next character of a name in its canonical form (PEP 503); 0 after the last one of it. */
static char next_canonical(const char **at)
{
	char c = **at;

	if (!in_name(c))
		return '\0';
	(*at)++;
	if (c != '-' && c != '_' && c != '.')
		return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	while (**at == '-' || **at == '_' || **at == '.')
		(*at)++;
	return '-';
}

/* Compares the names that two requirements begin with; a canonical name is such a requirement too. */
static int compare_names(const char *a, const char *b)
{
	for (;;) {
		char left = next_canonical(&a), right = next_canonical(&b);

		if (left != right || !left)
			return (int)left - (int)right;
	}
}

static int compare_direct_names(const void *a, const void *b)
{
	return compare_names(*(const char *const *)a, *(const char *const *)b);
}

int lock_direct_compare(const void *left, const void *right)
{
	const char *a = *(const char *const *)left, *b = *(const char *const *)right;
	int order = compare_names(a, b);

	return order ? order : text_compare(a, b);
}

/* qsort on no elements may be given NULL, which it must not be. */
static void sort(void *items, size_t count, size_t size_bytes, int (*compare)(const void *, const void *))
{
	if (count > 1)
		qsort(items, count, size_bytes, compare);
}

static void sort_pin(struct pin *pin)
{
	for (size_t i = 0; i < pin->edge_count; i++)
		sort(pin->edges[i].extras, pin->edges[i].extra_count, sizeof(*pin->edges[i].extras), text_compare_items);
	sort(pin->containers, pin->container_count, sizeof(*pin->containers), text_compare_items);
	sort(pin->environments, pin->environment_count, sizeof(*pin->environments), text_compare_items);
	sort(pin->layers, pin->layer_count, sizeof(*pin->layers), text_compare_items);
	sort(pin->build_requires, pin->build_require_count, sizeof(*pin->build_requires), text_compare_items);
	sort(pin->edges, pin->edge_count, sizeof(*pin->edges), lock_edge_compare);
	sort(pin->files, pin->file_count, sizeof(*pin->files), lock_file_compare);
}

void lock_sort(struct lock *lock)
{
	for (size_t i = 0; i < lock->container_count; i++) {
		struct lock_container *c = &lock->containers[i];

		sort(c->groups, c->group_count, sizeof(*c->groups), text_compare_items);
		sort(c->layers, c->layer_count, sizeof(*c->layers), text_compare_items);
		sort(c->further, c->further_count, sizeof(*c->further), text_compare_items);
		sort(c->direct, c->direct_count, sizeof(*c->direct), lock_direct_compare);
	}
	for (size_t i = 0; i < lock->pin_count; i++)
		sort_pin(&lock->pins[i]);
	for (size_t i = 0; i < lock->deb_count; i++)
		sort(lock->debs[i].stages, lock->debs[i].stage_count, sizeof(*lock->debs[i].stages), text_compare_items);
	for (size_t i = 0; i < lock->archive_count; i++)
		sort(lock->archives[i].layers, lock->archives[i].layer_count, sizeof(*lock->archives[i].layers), text_compare_items);
	sort(lock->archives, lock->archive_count, sizeof(*lock->archives), lock_archive_compare);
	sort(lock->tools, lock->tool_count, sizeof(*lock->tools), compare_tools);
	sort(lock->environments, lock->environment_count, sizeof(*lock->environments), compare_environments);
	sort(lock->containers, lock->container_count, sizeof(*lock->containers), compare_containers);
	sort(lock->pins, lock->pin_count, sizeof(*lock->pins), pin_compare);
	sort(lock->debs, lock->deb_count, sizeof(*lock->debs), lock_deb_compare);
}

const struct lock_container *lock_container(const struct lock *lock, const char *name)
{
	const struct lock_container key = {.name = name};

	return lock->container_count ? bsearch(&key, lock->containers, lock->container_count, sizeof(key), compare_containers) : NULL;
}

const struct lock_environment *lock_environment(const struct lock *lock, const char *name)
{
	const struct lock_environment key = {.name = name};

	return lock->environment_count ? bsearch(&key, lock->environments, lock->environment_count, sizeof(key), compare_environments) : NULL;
}

static bool has_text(const char *const *list, size_t count, const char *text)
{
	return count && bsearch(&text, list, count, sizeof(*list), text_compare_items);
}

bool pin_in_container(const struct pin *pin, const char *container)
{
	return has_text(pin->containers, pin->container_count, container);
}

static bool is_environment_of(const struct lock_container *container, const char *environment)
{
	return !strcmp(container->environment, environment) || has_text(container->further, container->further_count, environment);
}

bool pin_is_in(const struct pin *pin, const struct lock_container *container, const char *environment)
{
	return pin_in_container(pin, container->name) && is_environment_of(container, environment) &&
	       (!pin->environment_count || has_text(pin->environments, pin->environment_count, environment));
}

bool pin_is_built_in(const struct pin *pin, const struct lock_container *container)
{
	return pin_is_in(pin, container, container->environment);
}

const char *lock_container_environment(const struct lock_container *container, size_t place)
{
	return !place ? container->environment : place <= container->further_count ? container->further[place - 1] : NULL;
}

const struct lock_file *pin_source(const struct pin *pin)
{
	for (size_t i = 0; i < pin->file_count; i++) {
		if (!text_ends_with(pin->files[i].name, ".whl"))
			return &pin->files[i];
	}
	return NULL;
}

const char *pin_build_name(struct arena *a, const struct pin *pin, const struct lock_environment *environment)
{
	return arena_printf(a, PIN_BUILD_PREFIX "%s-%s{environment=%s}", pin->name, pin->version, environment->name);
}

size_t lock_first_deb(const struct lock *lock, const char *name)
{
	size_t low = 0, high = lock->deb_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(lock->debs[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_in_container(const struct lock_deb *deb, const struct lock_container *container)
{
	size_t base = container->debian ? strcspn(container->debian, " ") : 0, name = strlen(container->name);

	for (size_t i = 0; base && i < deb->stage_count; i++) {
		const char *stage = deb->stages[i];

		if (text_starts_with(stage, "base:") ? !strncmp(stage + 5, container->debian, base) && !stage[5 + base]
						     : !strncmp(stage, container->name, name) && stage[name] == '/')
			return true;
	}
	return false;
}

bool lock_deb_same_architecture(const char *architecture, const char *other)
{
	return !strcmp(architecture, other) || !strcmp(architecture, "all") || !strcmp(other, "all");
}

bool lock_deb_in_container(const struct lock *lock, const struct lock_deb *deb, const struct lock_container *container)
{
	if (!is_in_container(deb, container))
		return false;
	for (size_t i = lock_deb_has_file(deb) ? lock->deb_count : lock_first_deb(lock, deb->name); i < lock->deb_count; i++) {
		const struct lock_deb *other = &lock->debs[i];

		if (strcmp(other->name, deb->name) != 0)
			break;
		if (lock_deb_has_file(other) && lock_deb_same_architecture(other->architecture, deb->architecture) && is_in_container(other, container))
			return false;
	}
	return true;
}

bool lock_deb_in(const struct lock_deb *deb, const char *stage)
{
	for (size_t i = 0; i < deb->stage_count; i++) {
		if (!strcmp(deb->stages[i], stage))
			return true;
	}
	return false;
}

bool pin_in_layer(const struct pin *pin, const char *layer_use)
{
	return has_text(pin->layers, pin->layer_count, layer_use);
}

bool lock_knows_layers(const struct lock *lock)
{
	for (size_t i = 0; i < lock->container_count; i++) {
		if (lock->containers[i].layer_count)
			return true;
	}
	for (size_t i = lock->pin_count; i-- > 0 && pin_is_toolchain(&lock->pins[i]);) {
		for (size_t j = 0; j < lock->pins[i].layer_count; j++) {
			if (!text_starts_with(lock->pins[i].layers[j], PIN_BUILD_PREFIX))
				return false;
		}
	}
	return true;
}

size_t lock_first_pin(const struct lock *lock, bool toolchain, const char *name)
{
	size_t low = 0, high = lock->pin_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct pin *pin = &lock->pins[middle];
		int order = (int)pin_is_toolchain(pin) - (int)toolchain;

		if (!order)
			order = text_compare(pin->name, name);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct pin *lock_pin_in(const struct lock *lock, const char *container, const char *environment, const char *name)
{
	const struct lock_container *c = lock_container(lock, container);

	for (size_t i = lock_first_pin(lock, false, name); c && i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		if (pin_is_toolchain(pin) || strcmp(pin->name, name) != 0)
			break;
		if (pin_is_in(pin, c, environment))
			return pin;
	}
	return NULL;
}

const struct pin *lock_pin(const struct lock *lock, const char *container, const char *name)
{
	const struct lock_container *c = lock_container(lock, container);

	return c ? lock_pin_in(lock, container, c->environment, name) : NULL;
}

bool lock_reference_is_git(struct arena *a, const char *reference, const char **ret_commit)
{
	const char *at = text_starts_with(reference, "git+") ? strrchr(reference, '@') : NULL;

	if (!at)
		return false;
	/* "#subdirectory=x" goes on behind the commit. */
	*ret_commit = arena_strndup(a, at + 1, strcspn(at + 1, "#"));
	return true;
}

void lock_environment_tags(struct arena *a, const struct lock_environment *environment, const char *const **ret_tags, size_t *ret_count)
{
	const struct wheel_platform platform = {
		.python = environment->python,
		.implementation = environment->implementation,
		.machine = environment->machine,
		.libc = environment->libc,
		.libc_version = environment->libc_version,
	};
	const char **tags;

	wheel_tags(a, &platform, &tags, ret_count);
	*ret_tags = tags;
}

static const char *skip_zeros(const char *digits)
{
	while (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
		digits++;
	return digits;
}

/* A build tag begins with a number and goes on with anything (PEP 427); no build tag is the lowest. */
static int compare_builds(const char *a, const char *b)
{
	if (!a || !b)
		return text_compare(a, b);
	a = skip_zeros(a);
	b = skip_zeros(b);
	size_t a_digits = strspn(a, "0123456789"), b_digits = strspn(b, "0123456789");

	return a_digits != b_digits ? (a_digits > b_digits) - (a_digits < b_digits) : strcmp(a, b);
}

const struct lock_file *pin_file_by_tags(const struct pin *pin, const char *const *tags, size_t tag_count)
{
	autoarena struct arena scratch = {0};
	const struct lock_file *best = NULL;
	const char *best_build = NULL;
	long best_rank = -1;

	for (size_t i = 0; i < pin->file_count; i++) {
		struct wheel_name wheel;
		long rank = wheel_name_parse(&scratch, pin->files[i].name, &wheel) ? wheel_rank(&wheel, tags, tag_count) : -1;

		if (rank < 0)
			continue;
		/* What was built is for environments that no other fits, whatever its tags are. */
		if (best && !best->built_from != !pin->files[i].built_from) {
			if (pin->files[i].built_from)
				continue;
		} else if (best && (rank > best_rank || (rank == best_rank && compare_builds(wheel.build, best_build) <= 0))) {
			continue;
		}
		best = &pin->files[i];
		best_rank = rank;
		best_build = wheel.build;
	}
	return best;
}

const struct lock_file *pin_file(const struct pin *pin, const struct lock_environment *environment)
{
	autoarena struct arena scratch = {0};
	const char *const *tags;
	size_t tag_count;

	lock_environment_tags(&scratch, environment, &tags, &tag_count);
	return pin_file_by_tags(pin, tags, tag_count);
}

const char *lock_direct(const struct lock_container *container, const char *name)
{
	const char **end = container->direct + container->direct_count, **found;

	if (!container->direct_count)
		return NULL;
	found = bsearch(&name, container->direct, container->direct_count, sizeof(*container->direct), compare_direct_names);
	while (found && found > container->direct && !compare_direct_names(&name, found - 1))
		found--;
	for (const char **at = found; at && at < end && !compare_direct_names(&name, at); at++) {
		if (!strstr(*at, " ; "))
			return *at;
	}
	return found ? *found : NULL;
}

bool lock_is_direct(const struct lock_container *container, const char *name)
{
	return lock_direct(container, name) != NULL;
}

const char *lock_layer_name(struct arena *a, const struct layer_use *use)
{
	autostrbuf struct strbuf name = {0};
	size_t count = use->layer->option_count;
	const char **options = arena_array(a, count + 1, sizeof(*options));

	for (size_t i = 0; i < count; i++)
		options[i] = arena_printf(a, "%s=%s", use->layer->options[i].name, use->values[i] ? use->values[i] : "");
	sort(options, count, sizeof(*options), text_compare_items);
	strbuf_add(&name, use->layer->name);
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&name, "%c%s", i ? ',' : '{', options[i]);
	strbuf_add(&name, count ? "}" : "");
	return arena_strdup(a, strbuf_text(&name));
}
