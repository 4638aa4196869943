/* A pyproject.toml: every group comes to requirements, or to problems with a place. */
#include "fuzz.h"

#include <string.h>

#include "io/toml.h"
#include "python/dependency_groups.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	struct dependency_groups groups;
	const struct value *document = toml_parse(&a, "fuzz.toml", (const char *)bytes, length, &d);
	bool fine = true;

	if (!document || !dependency_groups_read(&a, document, &d, &groups)) {
		FUZZ_CHECK(d.error_count);
		return 0;
	}
	for (size_t i = 0; i < groups.count; i++) {
		autoarena struct arena own = {0};
		struct dependency_group_requirement *items;
		size_t count = 0, before = d.error_count;
		bool resolved = dependency_groups_resolve(&own, &groups, groups.items[i].written, groups.items[i].pos, &d, &items, &count);

		FUZZ_CHECK(resolved == (d.error_count == before));
		fine = fine && resolved;
		for (size_t k = 0; k < count; k++)
			FUZZ_CHECK(items[k].requirement && items[k].pos.line && *items[k].text);
	}
	FUZZ_CHECK(dependency_groups_check(&groups, &d) == fine);
	return 0;
}
