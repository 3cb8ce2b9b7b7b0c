# Tests.  Included by the Makefile.
#
# t/unit/NAME.c   a cmocka program, linked with libpipepost.a and NAME.with (objects of programs)
# t/NN-*.t        end-to-end tests (TAP), run by prove; 01-unit.t and 02-fuzz.t run the other two kinds
# t/fuzz/NAME.c   a libFuzzer target
# t/tool/NAME.c   a program that an end-to-end test uses, in build/tool/
#
# make check T='t/70-chain.t t/71-*.t'    only these

UNIT_SRC := $(sort $(wildcard t/unit/*.c))
UNIT     := $(patsubst t/unit/%.c,$(BUILD)/t/%,$(UNIT_SRC))
E2E      := $(sort $(wildcard t/*.t))
T        ?= $(E2E)
FUZZ_SRC := $(sort $(wildcard t/fuzz/*.c))
FUZZ     := $(patsubst t/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
FUZZ_SECONDS ?= 5
FUZZ_SEED ?= 1
CLANG    ?= clang
HAVE_CLANG := $(shell command -v $(CLANG))
TIDY     := -*,clang-analyzer-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions,-bugprone-reserved-identifier,-clang-analyzer-security.insecureAPI.*,-bugprone-not-null-terminated-result,-clang-analyzer-valist.Uninitialized
PROVE    ?= prove -j 2 --timer
MANUALS  := $(sort $(wildcard */*.[1578]))

outcome.with := queue-run/outcome.c
outcome.ldflags := -Wl,--wrap=malloc -Wl,--wrap=time
log.ldflags := $(foreach f,access syslog __syslog_chk,-Wl,--wrap=$(f))
spawner.with := queue-run/spawner.c
spawner.ldflags := -Wl,--wrap=poll
destination.with := queue-run/destination.c queue-run/host_line.c
destination.ldflags := -Wl,--wrap=time
scan.with := queue-run/scan.c
lane.with := queue-run/lane.c queue-run/worker.c queue-run/feed.c
queue_life.with := queue-run/scan.c queue-run/message.c queue-run/outcome.c queue-run/step.c
queue_life.ldflags := $(foreach f,time pwrite linkat unlinkat renameat mkdirat fsync ftruncate,-Wl,--wrap=$(f))

define unit
$(BUILD)/t/$(1): $(BUILD)/obj/t/unit/$(1).o $(call obj,$($(1).with)) $(LIB)
	@mkdir -p $$(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) $($(1).ldflags) $(LIB) $(CDB) $(SKARNET) $(ZLIB) $(BEARSSL) $(IDN2) $(CRYPT) -lcmocka
endef
$(foreach u,$(UNIT_SRC:t/unit/%.c=%),$(eval $(call unit,$(u))))

TOOL_SRC := $(sort $(wildcard t/tool/*.c))
TOOLS    := $(patsubst t/tool/%.c,$(BUILD)/tool/%,$(TOOL_SRC))

$(BUILD)/tool/%: $(BUILD)/obj/t/tool/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(LIB) $(CDB) $(SKARNET) $(ZLIB) $(BEARSSL) $(IDN2) $(CRYPT)

# The target, the library and the parts it tests, all with coverage for the fuzzer.
FUZZ_CC   = $(CLANG) $(CPPFLAGS) -std=c17 -O1 -g -fno-sanitize-recover=undefined
FUZZ_LIB := $(BUILD)/fuzz-obj/libpipepost.a

$(FUZZ_LIB): $(LIB_SRC:%.c=$(BUILD)/fuzz-obj/%.o)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/fuzz-obj/%.o: %.c Makefile t/check.mk
	@mkdir -p $(@D)
	$(FUZZ_CC) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

define fuzz
$(BUILD)/fuzz/$(1): $(BUILD)/fuzz-obj/t/fuzz/$(1).o $(patsubst %.c,$(BUILD)/fuzz-obj/%.o,$($(1).with)) $(FUZZ_LIB)
	@mkdir -p $$(@D)
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $$@ $$^ $(CDB) $(SKARNET) $(ZLIB) $(BEARSSL) $(IDN2) $(CRYPT) $(RESOLV)
endef
$(foreach f,$(FUZZ_SRC:t/fuzz/%.c=%),$(eval $(call fuzz,$(f))))

-include $(shell find $(BUILD)/fuzz-obj -name '*.d' 2>/dev/null)

units: $(UNIT) $(TOOLS)
fuzzers: $(if $(HAVE_CLANG),$(FUZZ))

check: check-werror all units fuzzers
	BUILD_DIR='$(CURDIR)/$(BUILD)' FUZZ_SECONDS=$(FUZZ_SECONDS) $(PROVE) $(T)

check-unit: all units
	BUILD_DIR='$(CURDIR)/$(BUILD)' $(PROVE) t/01-unit.t

check-e2e: all
	BUILD_DIR='$(CURDIR)/$(BUILD)' $(PROVE) $(filter-out t/01-unit.t t/02-fuzz.t,$(T))

check-fuzz: fuzzers
	BUILD_DIR='$(CURDIR)/$(BUILD)' FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SEED=$(FUZZ_SEED) prove -v t/02-fuzz.t

check-asan:
	$(MAKE) SAN=1 BUILD=build-asan all units
	SAN=1 BUILD_DIR='$(CURDIR)/build-asan' $(PROVE) $(filter-out t/02-fuzz.t,$(T))

# No warning, under either compiler.
check-werror:
	$(MAKE) -s CC=gcc BUILD=build-gcc WERROR=1 all units
	$(if $(HAVE_CLANG),$(MAKE) -s CC=$(CLANG) BUILD=build-clang WERROR=1 all units,@echo 'check-werror: no clang here, gcc only')

# Findings of cppcheck and mandoc stop it; clang-tidy's are for reading. cppcheck
# does not know that skalibs' strerr_die never returns, nor that a pointer may be
# handed to a function that fills what it points to.
lint:
	$(if $(MANUALS),mandoc -T lint -W warning $(MANUALS))
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	  --suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck --suppress=ctuuninitvar -I. $(DEFS) $(filter-out t/%,$(wildcard */*.c))
	-! command -v clang-tidy >/dev/null || clang-tidy --quiet --checks='$(TIDY)' \
	  $(filter-out t/%,$(wildcard */*.c)) -- -std=c17 $(CPPFLAGS) 2>/dev/null
