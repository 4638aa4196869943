#include "cmd/reading.h"

#include <stdio.h>

#include "base/text.h"

int reading_check_container(const char *container, const struct release *a, const struct release *b, struct error *err)
{
	autoarena struct arena scratch = {0};
	const char **names = NULL;
	size_t count = 0;

	for (size_t side = 0; side < 2; side++) {
		const struct release *r = side ? b : a;

		for (size_t i = 0; r && i < r->lock.container_count; i++) {
			const char *name = r->lock.containers[i].name;

			if (text_equal(name, container))
				return 0;
			*arena_push(&scratch, &names, &count) = name;
		}
	}
	error_set(err, ERR_NOT_FOUND, "there is no container '%s' in %s%s%s", container, a->name, b ? " or " : "", b ? b->name : "");
	return error_hint_nearest(err, container, names, count);
}

struct report_options reading_options(const struct command_call *call)
{
	return (struct report_options){
		.format = call->format == FORMAT_JSON       ? REPORT_JSON
			  : call->format == FORMAT_MARKDOWN ? REPORT_MARKDOWN
							    : REPORT_TEXT,
		.stream = stdout,
	};
}
