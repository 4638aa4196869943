/* Which CUDA libraries the shared objects of a container's wheels need, and whether anything in it brings them. libcuda.so.1 and what else comes with a driver
   is not asked for: it comes from the machine that a container runs on. */
#include "verify/files.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Libraries of CUDA and what NVIDIA gives beside it. Where `is_release` is set, the number behind ".so." is CUDA's own major version. */
static const struct family {
	const char *name;
	bool is_release;
} families[] = {
	{"libcudart", true},      {"libcublas", true},    {"libcublasLt", true},    {"libnvrtc", true},     {"libnvrtc-builtins", true}, {"libnvJitLink", true},
	{"libcupti", true},       {"libcudnn", false},    {"libcufft", false},      {"libcufftw", false},   {"libcurand", false},        {"libcusolver", false},
	{"libcusolverMg", false}, {"libcusparse", false}, {"libcusparseLt", false}, {"libcutensor", false}, {"libnccl", false},          {"libnvjpeg", false},
	{"libnvToolsExt", false}, {"libcufile", false},   {"libnvfatbin", true},    {"libnvvm", false},
};

static size_t stem_length(const char *name)
{
	const char *ending = strstr(name, ".so");

	return ending ? (size_t)(ending - name) : strlen(name);
}

/* "libcudnn_ops_infer.so.8" is of libcudnn, "libnppig.so.12" of NPP. */
static bool find_family(const char *name, struct family *ret)
{
	size_t length = stem_length(name);

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (strlen(families[i].name) == length && !strncmp(families[i].name, name, length)) {
			*ret = families[i];
			return true;
		}
	}
	*ret = (struct family){"libnpp", true};
	if (text_starts_with(name, "libcudnn_"))
		*ret = (struct family){"libcudnn", false};
	return text_starts_with(name, "libcudnn_") || text_starts_with(name, "libnpp");
}

/* The number behind ".so.", as text; "" when there is none. */
static const char *major_of(struct arena *a, const char *name)
{
	const char *ending = strstr(name, ".so.");

	return ending ? arena_strndup(a, ending + 4, strspn(ending + 4, "0123456789")) : "";
}

/* Names of libraries, sorted before they are asked for. */
struct names {
	const char **items;
	size_t count;
};

static void add_objects(struct together *t, const struct wheel_contents *c, struct names *brought)
{
	for (size_t i = 0; i < c->object_count; i++) {
		const char *slash = strrchr(c->objects[i].path, '/');

		*arena_push(t->a, &brought->items, &brought->count) = slash ? slash + 1 : c->objects[i].path;
		if (c->objects[i].soname)
			*arena_push(t->a, &brought->items, &brought->count) = c->objects[i].soname;
	}
}

/* False when a wheel that may bring some is not at hand. */
static bool add_wheels(struct together *t, const struct lock_file *const *files, size_t count, struct names *brought)
{
	bool all = true;

	for (size_t i = 0; i < count; i++) {
		const struct wheel_contents *c = files[i] ? contents_objects(t->contents, files[i]) : NULL;

		if (c)
			add_objects(t, c, brought);
		all = all && c;
	}
	return all;
}

static bool has(const struct names *n, const char *name)
{
	return n->count && bsearch(&name, n->items, n->count, sizeof(*n->items), text_compare_items);
}

/* A library of the same family, or else one that tells CUDA's version, that is there with another number. */
static const char *other_version(struct together *t, const struct names *brought, const char *needed, const struct family *family)
{
	const char *major = major_of(t->a, needed), *release = NULL;

	for (size_t i = 0; i < brought->count; i++) {
		struct family other;
		const char *name = brought->items[i], *its = major_of(t->a, name);

		if (!*its || !find_family(name, &other) || !strcmp(its, major))
			continue;
		if (stem_length(name) == stem_length(needed) && !strncmp(name, needed, stem_length(name)))
			return name;
		if (family->is_release && other.is_release && !release)
			release = name;
	}
	/* CUDA 13 beside something of CUDA 12: the latter may be there too, as a whole. */
	for (size_t i = 0; release && i < brought->count; i++) {
		struct family other;

		if (find_family(brought->items[i], &other) && other.is_release && !strcmp(major_of(t->a, brought->items[i]), major))
			return NULL;
	}
	return release;
}

static bool speaks_of_cuda(const char *word)
{
	return text_starts_with(word, "libcu") || text_starts_with(word, "libnv") || text_starts_with(word, "nvidia") || strstr(word, "cuda") ||
	       strstr(word, "cudnn") || strstr(word, "nccl");
}

static bool any_speaks(const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (speaks_of_cuda(words[i]))
			return true;
	}
	return false;
}

/* Whether libraries may come from where only the image can tell: its base, Debian packages, commands of a recipe. */
static bool may_have_more(struct together *t)
{
	const struct container *c = t->container;

	if (c->base->source == BASE_IMAGE || any_speaks(c->base->packages, c->base->package_count) || any_speaks(c->apt, c->apt_count))
		return true;
	for (size_t i = 0; i < c->layer_count; i++) {
		const struct layer_use *use = &c->layers[i];

		for (size_t j = 0; j < use->layer->step_count; j++) {
			const struct layer_step *step = &use->layer->steps[j];
			bool counts = layer_use_holds(use, step->conditions, step->condition_count);

			for (size_t k = 0; counts && step->kind == STEP_APT && k < step->word_count; k++) {
				if (speaks_of_cuda(layer_use_expand(t->a, use, step->words[k])))
					return true;
			}
			/* What a command does, nobody knows; one of a recipe for CUDA may bring CUDA. */
			if (counts && step->kind == STEP_RUN && speaks_of_cuda(use->layer->name) && strcmp(step->words[0], "ldconfig") != 0)
				return true;
		}
	}
	return false;
}

/* What one package needs and nothing brings. */
struct lack {
	const char *library, *object; /* the first that needs it */
	const char *instead;          /* or NULL */
};

static const char *bringer(struct together *t, const char *library)
{
	for (size_t i = 0; i < t->layer_count; i++) {
		const struct wheel_contents *c = t->layer_files[i] ? contents_objects(t->contents, t->layer_files[i]) : NULL;

		for (size_t j = 0; c && j < c->object_count; j++) {
			const char *slash = strrchr(c->objects[j].path, '/'), *name = slash ? slash + 1 : c->objects[j].path;

			if (!strcmp(name, library) || text_equal(c->objects[j].soname, library))
				return arena_printf(t->a, "layer %s", t->layer_pins[i]->layers[0]);
		}
	}
	return "the container";
}

static void report(struct together *t, const char *package, const struct lack *lacks, size_t count)
{
	const struct lack *first = &lacks[0];
	autostrbuf struct strbuf needed = {0}, text = {0};

	for (size_t i = 0; i < count; i++) {
		if (lacks[i].instead && !first->instead)
			first = &lacks[i];
		strbuf_printf(&needed, "%s%s", i ? ", " : "", lacks[i].library);
	}
	strbuf_printf(&text, "needs %s ('%s'), ", strbuf_text(&needed), first->object);
	if (first->instead)
		strbuf_printf(&text, "but %s has %s", bringer(t, first->instead), first->instead);
	else
		strbuf_add(&text, "which nothing in the container brings");
	findings_add(t->ret, &(struct finding){.kind = "cuda",
					       /* A part of a package that cannot be loaded need not be used; with another CUDA somebody meant it to be. */
					       .is_warning = !first->instead,
					       .container = t->container->name,
					       .subject = package,
					       .is_package = true,
					       .expected = strbuf_text(&needed),
					       .found = first->instead,
					       .text = strbuf_text(&text)});
}

static bool is_listed(const struct lack *lacks, size_t count, const char *library)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(lacks[i].library, library))
			return true;
	}
	return false;
}

static void check_package(struct together *t, const struct pin *pin, const struct wheel_contents *c, const struct names *brought)
{
	struct lack *lacks = NULL;
	size_t count = 0;

	for (size_t i = 0; i < c->object_count; i++) {
		const struct wheel_object *o = &c->objects[i];

		for (size_t j = 0; j < o->needed_count; j++) {
			struct family family;

			if (!find_family(o->needed[j], &family) || has(brought, o->needed[j]) || is_listed(lacks, count, o->needed[j]))
				continue;
			*arena_push(t->a, &lacks, &count) = (struct lack){o->needed[j], o->path, other_version(t, brought, o->needed[j], &family)};
		}
	}
	if (count)
		report(t, pin->name, lacks, count);
}

void files_check_cuda(struct together *t)
{
	struct names brought = {0};
	bool all = add_wheels(t, t->files, t->count, &brought);

	all = add_wheels(t, t->layer_files, t->layer_count, &brought) && all;
	for (size_t i = 0; t->snapshot && i < t->snapshot->library_count; i++)
		*arena_push(t->a, &brought.items, &brought.count) = t->snapshot->libraries[i];
	if (brought.count > 1)
		qsort(brought.items, brought.count, sizeof(*brought.items), text_compare_items);
	/* Where something is not known that could bring what is needed, nothing is said to be missing. */
	if (!all || (!t->snapshot && may_have_more(t)))
		return;
	for (size_t i = 0; i < t->count; i++)
		check_package(t, t->pins[i], contents_objects(t->contents, t->files[i]), &brought);
}
