#include "resolve/sizes.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/http.h"
#include "resolve/index_http.h"

struct asked {
	struct lock_file *file;
	struct sizes *owner;
};

struct sizes {
	struct arena arena;
	struct http *http;
	struct error first; /* of what went wrong */
};

static uint64_t size_in(const struct lock *last, const char *sha256)
{
	for (size_t i = 0; last && i < last->pin_count; i++) {
		for (size_t j = 0; j < last->pins[i].file_count; j++) {
			if (!strcmp(last->pins[i].files[j].sha256, sha256))
				return last->pins[i].files[j].size_bytes;
		}
	}
	return 0;
}

static void on_done(void *context, const struct http_answer *answer)
{
	struct asked *asked = context;
	struct error *first = &asked->owner->first;

	if (answer->outcome == HTTP_DONE && answer->status == 200 && answer->content_length > 0)
		asked->file->size_bytes = (uint64_t)answer->content_length;
	else if (error_is_set(first))
		return;
	else if (answer->outcome == HTTP_FAILED)
		error_set(first, ERR_NETWORK, "cannot learn the size of '%s', which its index does not give: %s", asked->file->name, answer->err->text);
	else
		error_set(first, ERR_HTTP, "cannot learn the size of '%s', which its index does not give: status %ld%s", asked->file->name, answer->status,
			  answer->status == 200 ? " without a length" : "");
}

static int ask(struct sizes *s, struct lock_file *file, const struct settings *settings, struct error *err)
{
	struct asked *asked = arena_new(&s->arena, struct asked);

	if (!s->http && !(s->http = index_http_new(settings, err)))
		return -1;
	*asked = (struct asked){.file = file, .owner = s};
	http_add(s->http, &(struct http_request){.method = "HEAD",
						 .url = index_http_url(&s->arena, file->url, settings),
						 .use_netrc = settings->netrc != NULL,
						 .on_done = on_done,
						 .context = asked});
	return 0;
}

static int fill(struct sizes *s, struct lock *lock, const struct lock *last, const struct settings *settings, struct error *err)
{
	for (size_t i = 0; i < lock->pin_count; i++) {
		for (size_t j = 0; j < lock->pins[i].file_count; j++) {
			struct lock_file *file = &lock->pins[i].files[j];

			if (!file->size_bytes)
				file->size_bytes = size_in(last, file->sha256);
			if (!file->size_bytes && ask(s, file, settings, err) < 0)
				return -1;
		}
	}
	while (s->http && http_pending(s->http)) {
		if (http_wait(s->http, 1000, err) < 0)
			return -1;
	}
	if (!error_is_set(&s->first))
		return 0;
	error_move(err, &s->first);
	return -1;
}

int sizes_fill(struct lock *lock, const struct lock *last, const struct settings *settings, struct error *err)
{
	struct sizes s = {0};
	int result = fill(&s, lock, last, settings, err);

	if (s.http)
		http_free(s.http);
	error_release(&s.first);
	arena_release(&s.arena);
	return result;
}
