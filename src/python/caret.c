/* Poetry's caret: what may be taken without the first number that is not zero changing. */
#include "python/version.h"

#include <stddef.h>

#include "base/strbuf.h"
#include "python/scan.h"
#include "python/version_parts.h"

/* Which number of the release goes up by one: the first that is not zero among major, minor and patch, or the last of them that was written. */
static size_t breaking_place(const struct version *v)
{
	size_t place = 0;

	while (place < 2 && place + 1 < v->release_count && v->release[place].length == 1 && *v->release[place].digits == '0')
		place++;
	return place;
}

/* The release with the number at `place` one higher and zeros behind it, as many as were written. */
static void add_next_breaking(struct arena *a, struct strbuf *out, const struct version *v)
{
	size_t place = breaking_place(v);

	if (v->epoch.length != 1 || *v->epoch.digits != '0')
		strbuf_printf(out, "%s!", v->epoch.digits);
	for (size_t i = 0; i < v->release_count; i++) {
		struct version_number next = i == place ? version_number_next(a, v->release[i]) : v->release[i];

		strbuf_add(out, i ? "." : "");
		if (i > place)
			strbuf_add_char(out, '0');
		else
			strbuf_add_bytes(out, next.digits, next.length);
	}
}

const char *caret_specifier(struct arena *a, const char *text, size_t *ret_at, const char **ret_why)
{
	const char *at = scan_skip_spaces(text);
	struct version_shape shape;
	autostrbuf struct strbuf out = {0};

	*ret_at = (size_t)(at - text);
	*ret_why = "it does not begin with '^'";
	if (*at != '^')
		return NULL;
	at = scan_skip_spaces(at + 1);
	*ret_at = (size_t)(at - text);
	*ret_why = "what stands behind '^' is no version (PEP 440)";
	if (!version_scan(at, VERSION_SCAN_LOCAL, &shape))
		return NULL;
	*ret_at = (size_t)(shape.end - text);
	*ret_why = "a version behind '^' is all there can be";
	if (*scan_skip_spaces(shape.end))
		return NULL;
	*ret_at = shape.local_count ? (size_t)(shape.local.start - 1 - text) : 0;
	*ret_why = "a version behind '^' has no local part";
	if (shape.local_count)
		return NULL;
	struct version *v = version_build(a, &shape);

	strbuf_printf(&out, ">=%s,<", version_normal(a, v));
	add_next_breaking(a, &out, v);
	return arena_strndup(a, strbuf_text(&out), out.length);
}
