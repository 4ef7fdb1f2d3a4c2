# Builds the faults: make -f faults/build.mk OUT=<directory>
#
# Unlike the other samples they have debug information, or unwind tables in its place.
CROSS := arm-none-eabi-
FLAGS := -mcpu=cortex-m4 -mthumb -mfloat-abi=softfp -mfpu=fpv4-sp-d16 -std=gnu11 -ffreestanding -fno-ident -fno-common \
	-fno-tree-loop-distribute-patterns "-ffile-prefix-map=$$PWD=." -Wall -Wextra -Werror -Wno-infinite-recursion \
	-nostdlib -static -Wl,--build-id=none -T faults/link.ld
SOURCES := $(sort $(wildcard faults/*.c))

.PHONY: all
all: $(OUT)/faults-O0.elf $(OUT)/faults-Os.elf $(OUT)/faults-exidx.elf

$(OUT)/faults-O0.elf: VARIANT := -O0 -g
$(OUT)/faults-Os.elf: VARIANT := -Os -g
$(OUT)/faults-exidx.elf: VARIANT := -Os -funwind-tables -Wl,--defsym=__aeabi_unwind_cpp_pr0=0,--defsym=__aeabi_unwind_cpp_pr1=0

$(OUT)/%.elf: $(SOURCES) $(wildcard faults/*.h) faults/link.ld faults/build.mk
	@mkdir -p $(@D)
	$(CROSS)gcc $(FLAGS) $(VARIANT) -o $@ $(SOURCES)
