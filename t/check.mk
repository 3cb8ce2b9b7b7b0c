# Tests.  Included by the Makefile.
#
# t/unit/NAME.c   a cmocka program, linked with libpipepost.a and NAME.with (objects of programs)
# t/NN-*.t        end-to-end tests (TAP), run by prove
# t/fuzz/NAME.c   a libFuzzer target

UNIT_SRC := $(sort $(wildcard t/unit/*.c))
UNIT     := $(patsubst t/unit/%.c,$(BUILD)/t/%,$(UNIT_SRC))
E2E      := $(sort $(wildcard t/*.t))
FUZZ_SRC := $(sort $(wildcard t/fuzz/*.c))
FUZZ     := $(patsubst t/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
FUZZ_SECONDS ?= 5
CLANG    ?= clang

define unit
$(BUILD)/t/$(1): $(BUILD)/obj/t/unit/$(1).o $(call obj,$($(1).with)) $(LIB)
	@mkdir -p $$(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(LIB) $(CDB) $(SKARNET) $(ZLIB) -lcmocka
endef
$(foreach u,$(UNIT_SRC:t/unit/%.c=%),$(eval $(call unit,$(u))))

# The target and the library it tests, compiled together with coverage for the fuzzer.
$(BUILD)/fuzz/%: t/fuzz/%.c $(LIB_SRC) $(wildcard lib/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) -std=c17 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	  -o $@ $< $(LIB_SRC) $($*.with) $(CDB) $(SKARNET) $(ZLIB)

units: $(UNIT)

check-unit: all $(UNIT)
	@for u in $(UNIT); do echo "== $$u"; $$u || exit 1; done

check-e2e: all
	BUILD_DIR=$(CURDIR)/$(BUILD) prove -j 2 --timer $(E2E)

check-fuzz: $(FUZZ)
	@for f in $(FUZZ); do n=$$(basename $$f); echo "== fuzz $$n"; mkdir -p $(BUILD)/corpus/$$n; \
	  $$f -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -close_fd_mask=1 $(BUILD)/corpus/$$n \
	    $$(test -d t/fuzz/seeds/$$n && echo t/fuzz/seeds/$$n) || exit 1; done
