/* cmocka with self-registering tests: TEST(name) { ... } adds a case; unit.c has main(). */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void unit_register(const char *name, CMUnitTestFunction run);

#define TEST(test_name)                                                                                                                                        \
	static void test_##test_name(void **state);                                                                                                            \
	__attribute__((constructor)) static void register_##test_name(void)                                                                                    \
	{                                                                                                                                                      \
		unit_register(#test_name, test_##test_name);                                                                                                   \
	}                                                                                                                                                      \
	static void test_##test_name(void **state __attribute__((unused)))
