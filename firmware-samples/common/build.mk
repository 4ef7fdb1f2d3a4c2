# Builds the samples for one board: make -f common/build.mk BOARD=<name> OUT=<directory>
#
# The outputs depend on nothing but the sources and the compiler: no build id, no paths, no time; debug
# information only in `-debug.elf`.
include boards/$(BOARD)/board.mk

CFLAGS := $(CPU_FLAGS) -std=gnu11 -O2 -g -ffreestanding -fno-tree-loop-distribute-patterns \
	-ffunction-sections -fdata-sections -fno-common -fno-ident "-ffile-prefix-map=$$PWD=." \
	-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wshadow -Wconversion -Werror
CPPFLAGS := -Icommon -Icommon/$(ARCH) -Iboards/$(BOARD) -MMD -MP
LDFLAGS := $(CPU_FLAGS) -nostdlib -static -Wl,--gc-sections -Wl,--build-id=none -Wl,--fatal-warnings \
	-Lcommon/$(ARCH) -T boards/$(BOARD)/link.ld

SHARED := $(sort $(wildcard common/*.c common/$(ARCH)/*.c boards/$(BOARD)/*.c))
SAMPLES := hello shell $(BOARD_SAMPLES)
FORMATS ?= elf bin hex srec

.PHONY: all
.SECONDARY:
all: $(foreach sample,$(SAMPLES),$(foreach format,$(FORMATS),$(OUT)/$(sample).$(format))) \
	$(DEBUG_SAMPLES:%=$(OUT)/%-debug.elf)

objects = $(patsubst %.c,$(OUT)/obj/%.o,$(SHARED) $(sort $(wildcard $(1)/*.c)))

define link
$(OUT)/$(1).elf: $(call objects,$(1)) $(wildcard common/$(ARCH)/*.ld boards/$(BOARD)/*.ld)
	$(CROSS)gcc $(LDFLAGS) -Wl,--strip-debug -o $$@ $$(filter %.o,$$^)
$(OUT)/$(1)-debug.elf: $(call objects,$(1)) $(wildcard common/$(ARCH)/*.ld boards/$(BOARD)/*.ld)
	$(CROSS)gcc $(LDFLAGS) -o $$@ $$(filter %.o,$$^)
endef
$(foreach sample,$(sort $(SAMPLES) $(DEBUG_SAMPLES)),$(eval $(call link,$(sample))))

$(OUT)/obj/%.o: %.c Makefile common/build.mk boards/$(BOARD)/board.mk
	@mkdir -p $(@D)
	$(CROSS)gcc $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

# The first record of an S-record file holds the name given on the command line: give the same in every directory.
$(OUT)/%.bin: $(OUT)/%.elf
	cd $(@D) && $(CROSS)objcopy -O binary $(<F) $(@F)
$(OUT)/%.stripped: $(OUT)/%.elf
	cd $(@D) && $(CROSS)strip -o $(@F) $(<F)
$(OUT)/%.hex: $(OUT)/%.elf
	cd $(@D) && $(CROSS)objcopy -O ihex $(<F) $(@F)
$(OUT)/%.srec: $(OUT)/%.elf
	cd $(@D) && $(CROSS)objcopy -O srec $(<F) $(@F)

-include $(wildcard $(OUT)/obj/*/*.d $(OUT)/obj/*/*/*.d)
