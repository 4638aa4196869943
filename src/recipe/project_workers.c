#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "recipe/load.h"

enum { WORKERS_MAX = 1000, WORKER_JOBS_MAX = 1000 };

bool project_worker_is_address(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
	const char *host = text_starts_with(text, "tcp://") ? text + strlen("tcp://") : NULL, *colon = host ? strrchr(host, ':') : NULL;
	uint64_t port;

	if (text_starts_with(text, "unix:///"))
		return text[strlen("unix:///")] && !strpbrk(text, ", \t\n\"'");
	return colon && colon > host && strspn(host, plain) == strlen(host) && text_to_u64(colon + 1, &port) && port && port <= 65535;
}

/* With its registry, as people write it to docker: what could be one. */
static bool is_stages(const char *text)
{
	size_t host = strcspn(text, "/");

	return text[host] && word_repository.holds(text) && (memchr(text, '.', host) || memchr(text, ':', host) || !strncmp(text, "localhost/", host + 1));
}

const struct word_form word_stages = {"repository of a registry", is_stages, "as registry.example:5000/team/stages"};

static const struct word_form word_worker = {"address of a worker", project_worker_is_address, "tcp://HOST:PORT, or unix:///PATH"};

static void read_jobs(struct reader *r, const struct value *v, void *target)
{
	const char *text = schema_line(r, v, "'jobs'", NULL);
	uint64_t jobs = 0;

	if (!text)
		return;
	if (text_to_u64(text, &jobs) && jobs && jobs <= WORKER_JOBS_MAX)
		((struct project_worker *)target)->jobs = (unsigned)jobs;
	else
		diag_error(r->diag, v->pos, "'jobs: %s' is no number from 1 to %d", text, WORKER_JOBS_MAX);
}

static const struct schema_row worker_rows[] = {
	{.key = "address",
	 SCHEMA_LINE,
	 SCHEMA_REQUIRED,
	 offsetof(struct project_worker, address),
	 .form = &word_worker,
	 .description = "where its buildkitd listens: tcp://HOST:PORT or unix:///PATH"},
	{.key = "ca", SCHEMA_LINE, 0, offsetof(struct project_worker, ca), .description = "file with the certificate of the authority that its own is of"},
	{.key = "cert", SCHEMA_LINE, 0, offsetof(struct project_worker, cert), .description = "file with the certificate that lockstep shows it"},
	{.key = "key", SCHEMA_LINE, 0, offsetof(struct project_worker, key), .description = "file with the key of that certificate"},
	{.key = "jobs", SCHEMA_READ, .read = read_jobs, .description = "how many stages it builds at once; when missing, what it says itself, else --jobs"},
	{.key = NULL},
};

static const char *in_project(const struct reader *r, const char *path)
{
	return path ? path_join(r->arena, r->db->root, path) : NULL;
}

/* A text is an address; everything else of one stands in a table. */
static bool read_worker(struct reader *r, const struct value *v, struct project_worker *ret)
{
	*ret = (struct project_worker){.pos = v->pos};
	if (v->kind == VALUE_TABLE)
		schema_read(r, v, "a worker", v->pos, worker_rows, ret);
	else
		ret->address = schema_line(r, v, "a worker", &word_worker);
	if (!ret->address)
		return false;
	if (!ret->cert != !ret->key)
		diag_error(r->diag, v->pos, "worker '%s' has '%s' without '%s'", ret->address, ret->cert ? "cert" : "key", ret->cert ? "key" : "cert");
	ret->ca = in_project(r, ret->ca);
	ret->cert = in_project(r, ret->cert);
	ret->key = in_project(r, ret->key);
	return true;
}

void read_workers(struct reader *r, const struct value *v, void *target)
{
	struct project *p = target;

	if (!schema_is_list(r, v, "'workers'"))
		return;
	if (v->item_count > WORKERS_MAX) {
		diag_error(r->diag, v->items[WORKERS_MAX]->pos, "more than %d workers", WORKERS_MAX);
		return;
	}
	for (size_t i = 0; i < v->item_count; i++) {
		struct project_worker one;

		if (!read_worker(r, v->items[i], &one))
			continue;
		for (size_t j = 0; j < p->worker_count; j++) {
			if (!strcmp(p->workers[j].address, one.address))
				diag_error(r->diag, one.pos, "worker '%s' is given twice; the first is in line %u", one.address, p->workers[j].pos.line);
		}
		*arena_push(r->arena, &p->workers, &p->worker_count) = one;
	}
}
