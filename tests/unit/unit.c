#include "unit.h"

#include <stdlib.h>

#include "base/alloc.h"

static struct CMUnitTest *cases;
static size_t count;

void unit_register(const char *name, CMUnitTestFunction run)
{
	cases = mem_resize(cases, count + 1, sizeof(*cases));
	cases[count++] = (struct CMUnitTest){.name = name, .test_func = run};
}

int main(void)
{
	int failed = _cmocka_run_group_tests("unit", cases, count, NULL, NULL);

	free(cases);
	return failed ? 1 : 0;
}
