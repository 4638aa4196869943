#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"

void error_release(struct error *err)
{
	free(err->text);
	*err = (struct error){0};
}

static void replace(struct error *err, enum error_code code, char *text)
{
	free(err->text);
	*err = (struct error){code, text};
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
	struct strbuf text = {0};
	va_list args;

	assert(code != ERR_NONE);
	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	replace(err, code, strbuf_detach(&text));
	return -1;
}

int error_errno(struct error *err, const char *format, ...)
{
	int number = errno;
	struct strbuf text = {0};
	va_list args;

	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	strbuf_printf(&text, ": %s", strerror(number));
	if (number == ENOSPC || number == EDQUOT)
		strbuf_add(&text, "; free some space and run the same command again");
	replace(err, number == ENOENT ? ERR_NOT_FOUND : ERR_IO, strbuf_detach(&text));
	return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
	struct strbuf text = {0};
	va_list args;

	assert(error_is_set(err));
	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	strbuf_printf(&text, ": %s", err->text);
	replace(err, err->code, strbuf_detach(&text));
	return -1;
}

int error_hint(struct error *err, const char *format, ...)
{
	struct strbuf text = {0};
	va_list args;

	assert(error_is_set(err));
	strbuf_printf(&text, "%s\n", err->text);
	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	replace(err, err->code, strbuf_detach(&text));
	return -1;
}

int error_hint_nearest(struct error *err, const char *name, const char *const *candidates, size_t count)
{
	const char *near = text_nearest(name, candidates, count);

	return near ? error_hint(err, "did you mean '%s'?", near) : -1;
}

void error_move(struct error *to, struct error *from)
{
	replace(to, from->code, steal(&from->text));
	*from = (struct error){0};
}
