# `make` builds both programs: build/release/lockstep (optimised, hardened) and build/debug/lockstep (sanitizers). Adding a source or a test edits no list.
CC = gcc
PKGS = yaml-0.1 jansson sqlite3 libcurl libcrypto zlib libisal libzstd libarchive
WARN = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wwrite-strings -Wpointer-arith -Wvla \
	-Wundef -Wimplicit-fallthrough -Wnull-dereference -fno-common
ifeq ($(findstring clang,$(CC)),)
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
endif
CPPFLAGS := -D_GNU_SOURCE -Isrc -include src/base/poison.h $(shell pkg-config --cflags $(PKGS))
LDLIBS := $(shell pkg-config --libs $(PKGS))
release_CFLAGS = -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -fstack-clash-protection
release_LDFLAGS = -pie -Wl,-z,relro,-z,now
debug_CFLAGS = -DLOCKSTEP_TEST_HOOKS -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
debug_LDFLAGS = -fsanitize=address,undefined
# libFuzzer is clang's: `tests/fuzz/run yaml 60`; `make fuzz` builds all targets
FUZZ_CC = clang-14
fuzz_CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
fuzz_LDFLAGS = -fsanitize=fuzzer,address,undefined
# `make coverage` builds what tools/coverage runs and measures. assert() is left out: what it says cannot happen is no branch to reach.
coverage_CFLAGS = -DLOCKSTEP_TEST_HOOKS -DNDEBUG -O0 -g --coverage -Wno-unused
coverage_LDFLAGS = --coverage

SOURCES := $(sort $(shell find src -name '*.c'))
LIBRARY := $(filter-out src/main.c,$(SOURCES))
UNIT := $(sort $(wildcard tests/unit/*_test.c))
TOOLS := $(sort $(wildcard tests/oracle/*.c))
FUZZ := $(sort $(wildcard tests/fuzz/*_fuzz.c))

all: release debug
release: build/release/lockstep
debug: build/debug/lockstep
tests: debug release $(UNIT:tests/%.c=build/debug/tests/%) $(TOOLS:tests/%.c=build/debug/tests/%) $(TOOLS:tests/%.c=build/release/tests/%) \
	$(FUZZ:tests/%.c=build/debug/tests/%)
fuzz:
	+$(MAKE) CC='$(FUZZ_CC)' $(FUZZ:tests/%.c=build/fuzz/tests/%)

coverage: build/coverage/lockstep $(UNIT:tests/%.c=build/coverage/tests/%) $(TOOLS:tests/%.c=build/coverage/tests/%)

define variant
build/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) -std=gnu17 $$(WARN) $$(CPPFLAGS) $$($(1)_CFLAGS) -MMD -MP -c $$< -o $$@
build/$(1)/liblockstep.a: $$(LIBRARY:%.c=build/$(1)/%.o)
	@rm -f $$@
	$$(AR) rcs $$@ $$^
build/$(1)/lockstep: build/$(1)/src/main.o build/$(1)/liblockstep.a
	$$(CC) $$($(1)_CFLAGS) $$($(1)_LDFLAGS) -o $$@ $$^ $$(LDLIBS)
build/$(1)/tests/unit/%_test: build/$(1)/tests/unit/%_test.o build/$(1)/tests/unit/unit.o build/$(1)/liblockstep.a
	$$(CC) $$($(1)_CFLAGS) $$($(1)_LDFLAGS) -o $$@ $$^ $$(LDLIBS) -lcmocka
build/$(1)/tests/fuzz/%_fuzz: build/$(1)/tests/fuzz/%_fuzz.o $(if $(filter fuzz,$(1)),,build/$(1)/tests/fuzz/replay.o) build/$(1)/liblockstep.a
	$$(CC) $$($(1)_CFLAGS) $$($(1)_LDFLAGS) -o $$@ $$^ $$(LDLIBS)
build/$(1)/tests/oracle/%: build/$(1)/tests/oracle/%.o build/$(1)/liblockstep.a
	$$(CC) $$($(1)_CFLAGS) $$($(1)_LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(eval $(call variant,release))
$(eval $(call variant,debug))
$(eval $(call variant,fuzz))
$(eval $(call variant,coverage))

format:
	clang-format-16 -i $$(git ls-files 'src/*.[ch]' 'tests/*.[ch]')
$(foreach v,release debug coverage,build/$(v)/src/snapshot/probe.o): src/snapshot/probe.py src/snapshot/probe_pip.py
$(foreach v,release debug coverage,build/$(v)/src/build/wheel_job.o): src/build/build_wheel.py
$(foreach v,release debug coverage,build/$(v)/src/build/context.o): src/build/write_origins.py
$(foreach v,release debug coverage,build/$(v)/src/resolve/pip.o): src/resolve/pip_search.py
$(foreach v,release debug coverage,build/$(v)/src/layer/bytecode.o): src/layer/compile.py
$(foreach v,release debug coverage,build/$(v)/src/layer/interpreter.o): src/layer/interpreter.py
clean:
	rm -rf build
.PHONY: all release debug tests fuzz coverage format clean
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
