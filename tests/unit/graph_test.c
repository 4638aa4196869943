#include "unit.h"

#include "base/alloc.h"
#include "lock/graph.h"

static const struct lock_environment environment = {"cp311", "3.11", "cpython", "linux", "x86_64", "glibc", "2.36"};

/* Pins "name" in container "c", each with edges "target[extra] extra-of-ours; marker" put in by hand. */
static struct pin *add_pin(struct lock *lock, const char *name)
{
	struct pin *pin = arena_push(&lock->arena, &lock->pins, &lock->pin_count);
	struct lock_file *file;

	*pin = (struct pin){.name = name, .version = "1", .index = "default"};
	*arena_push(&lock->arena, &pin->containers, &pin->container_count) = "c";
	file = arena_push(&lock->arena, &pin->files, &pin->file_count);
	*file = (struct lock_file){.name = "x-1-py3-none-any.whl", .sha256 = "aa"};
	return pin;
}

static void add_edge(struct lock *lock, const char *from, struct lock_edge edge)
{
	for (size_t i = 0; i < lock->pin_count; i++) {
		struct pin *pin = &lock->pins[i];

		if (!strcmp(pin->name, from))
			*arena_push(&lock->arena, &pin->edges, &pin->edge_count) = edge;
	}
}

static struct lock_container *start(struct lock *lock, const char *const *names, const char *const *direct)
{
	struct lock_container *c = arena_push(&lock->arena, &lock->containers, &lock->container_count);

	*c = (struct lock_container){.name = "c", .environment = "cp311"};
	*arena_push(&lock->arena, &lock->environments, &lock->environment_count) = environment;
	for (; *names; names++)
		add_pin(lock, *names);
	for (; *direct; direct++)
		*arena_push(&lock->arena, &c->direct, &c->direct_count) = *direct;
	return c;
}

static const char *way(struct arena *a, const struct lock_graph *g, const struct lock_chain *chain)
{
	const char *text = g->nodes[chain->root].pin->name;

	for (size_t i = 0; i < chain->count; i++)
		text = arena_printf(a, "%s>%s", text, g->nodes[g->arcs[chain->arcs[i]].to].pin->name);
	return text;
}

/* All shortest chains to `to`, with blanks between. */
static const char *ways(struct arena *a, const struct lock_graph *g, const char *to, size_t limit, size_t *ret_total)
{
	struct lock_chain *chains;
	size_t count;
	const char *text = "";
	long place = lock_graph_find(g, to);

	assert_true(place >= 0);
	lock_graph_chains(a, g, (size_t)place, limit, &chains, &count, ret_total);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(a, "%s%s%s", text, i ? " " : "", way(a, g, &chains[i]));
	return text;
}

TEST(markers_extras_and_waivers_decide)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", NULL}, *const direct[] = {"a[x]>=1", "b; python_version < '3'", NULL};
	static const char *y[] = {"y"};
	autoarena struct arena a = {0};
	struct lock lock = {0};
	struct lock_graph g;
	size_t total;

	struct lock_container *container = start(&lock, names, direct);

	add_edge(&lock, "a", (struct lock_edge){.name = "b", .marker = "python_version < '3'"});
	add_edge(&lock, "a", (struct lock_edge){.name = "c", .extra = "x", .extras = y, .extra_count = 1});
	add_edge(&lock, "a", (struct lock_edge){.name = "d", .extra = "z"});
	add_edge(&lock, "a", (struct lock_edge){.name = "e", .waived = "not so"});
	add_edge(&lock, "a", (struct lock_edge){.name = "not-here"});
	add_edge(&lock, "a", (struct lock_edge){.name = "g", .version = "2"});
	add_edge(&lock, "c", (struct lock_edge){.name = "f", .extra = "y"});
	lock_graph_of_container(&a, &lock, container, &environment, &g);
	assert_int_equal(g.node_count, 7);
	assert_int_equal(g.arc_count, 2);
	assert_string_equal(ways(&a, &g, "f", 9, &total), "a>c>f");
	for (size_t i = 0; i < g.node_count; i++)
		assert_int_equal(g.nodes[i].reached, strchr("acf", *g.nodes[i].pin->name) != NULL);
	assert_string_equal(g.nodes[0].direct, "a[x]>=1");
	assert_string_equal(g.nodes[2].extras[0], "y");
	assert_string_equal(ways(&a, &g, "b", 9, &total), "");
	assert_int_equal(total, 0);
	assert_int_equal(lock_graph_find(&g, "h"), LOCK_GRAPH_NONE);
	lock_release(&lock);
}

TEST(shortest_chains)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", NULL}, *const direct[] = {"a", "b", "c", NULL};
	autoarena struct arena a = {0};
	struct lock lock = {0};
	struct lock_graph g;
	size_t total;
	struct lock_container *container = start(&lock, names, direct);

	add_edge(&lock, "a", (struct lock_edge){.name = "d"});
	add_edge(&lock, "a", (struct lock_edge){.name = "d", .extra = "x"});
	add_edge(&lock, "b", (struct lock_edge){.name = "c"});
	add_edge(&lock, "b", (struct lock_edge){.name = "d"});
	add_edge(&lock, "d", (struct lock_edge){.name = "d"});
	add_edge(&lock, "d", (struct lock_edge){.name = "e"});
	add_edge(&lock, "e", (struct lock_edge){.name = "a"});
	lock_graph_of_container(&a, &lock, container, &environment, &g);
	assert_string_equal(ways(&a, &g, "e", 9, &total), "a>d>e b>d>e");
	assert_int_equal(total, 2);
	assert_string_equal(ways(&a, &g, "e", 1, &total), "a>d>e");
	assert_int_equal(total, 2);
	assert_string_equal(ways(&a, &g, "e", 0, &total), "");
	assert_string_equal(ways(&a, &g, "c", 9, &total), "c");
	assert_string_equal(ways(&a, &g, "a", 9, &total), "a");
	lock_release(&lock);
}

/* The ways through a hundred doublings are more than can be counted. */
TEST(more_ways_than_numbers)
{
	static const char *direct[] = {"n000", NULL}, *const none[] = {NULL};
	autoarena struct arena a = {0};
	struct lock lock = {0};
	struct lock_graph g;
	size_t total;
	struct lock_container *container = start(&lock, none, direct);

	for (int i = 0; i <= 200; i++)
		add_pin(&lock, arena_printf(&lock.arena, "n%03d", i));
	/* n(i) and n(i + 1) both lead to n(i + 2) and n(i + 3), for even i. */
	for (int i = 2; i + 3 <= 200; i += 2) {
		for (int from = i; from <= i + 1; from++) {
			add_edge(&lock, arena_printf(&lock.arena, "n%03d", from), (struct lock_edge){.name = arena_printf(&lock.arena, "n%03d", i + 2)});
			add_edge(&lock, arena_printf(&lock.arena, "n%03d", from), (struct lock_edge){.name = arena_printf(&lock.arena, "n%03d", i + 3)});
		}
	}
	add_edge(&lock, "n000", (struct lock_edge){.name = "n002"});
	add_edge(&lock, "n000", (struct lock_edge){.name = "n003"});
	lock_graph_of_container(&a, &lock, container, &environment, &g);
	ways(&a, &g, "n199", 3, &total);
	assert_true(total == SIZE_MAX);
	lock_release(&lock);
}

TEST(layers_roots_are_what_nothing_requires)
{
	static const char *const names[] = {"a", "b", "c", NULL}, *const direct[] = {NULL};
	autoarena struct arena a = {0};
	struct lock lock = {0};
	struct lock_graph g;
	size_t total;

	start(&lock, names, direct);
	for (size_t i = 0; i < 2; i++) {
		lock.pins[i].container_count = 0;
		*arena_push(&lock.arena, &lock.pins[i].layers, &lock.pins[i].layer_count) = "cuda";
	}
	add_edge(&lock, "a", (struct lock_edge){.name = "b", .extra = "x"});
	add_edge(&lock, "a", (struct lock_edge){.name = "c"});
	lock_graph_of_layer(&a, &lock, "cuda", &environment, &g);
	assert_int_equal(g.node_count, 2);
	assert_string_equal(ways(&a, &g, "b", 9, &total), "a>b");
	assert_string_equal(g.nodes[0].extras[0], "x");
	lock_release(&lock);
}
