# Builds the faults: make -f faults/build.mk OUT=<directory>
#
# Unlike the other samples they have debug information, or unwind tables in its place.
CROSS := arm-none-eabi-
FLAGS := -mcpu=cortex-m4 -mthumb -mfloat-abi=softfp -mfpu=fpv4-sp-d16 -std=gnu11 -ffreestanding -fno-ident -fno-common \
	-fno-tree-loop-distribute-patterns "-ffile-prefix-map=$$PWD=." -Wall -Wextra -Werror -Wno-infinite-recursion \
	-nostdlib -static -Wl,--build-id=none -T faults/link.ld
SOURCES := $(sort $(wildcard faults/*.c))

.PHONY: all
all: $(OUT)/faults-O0.elf $(OUT)/faults-Os.elf $(OUT)/faults-exidx.elf $(OUT)/missing-O0.elf $(OUT)/missing-Os.elf \
	$(OUT)/riscv-O0.elf $(OUT)/riscv-Os.elf

$(OUT)/faults-O0.elf: VARIANT := -O0 -g
$(OUT)/faults-Os.elf: VARIANT := -Os -g
$(OUT)/faults-exidx.elf: VARIANT := -Os -funwind-tables -Wl,--defsym=__aeabi_unwind_cpp_pr0=0,--defsym=__aeabi_unwind_cpp_pr1=0

$(OUT)/%.elf: $(SOURCES) $(wildcard faults/*.h) faults/link.ld faults/build.mk
	@mkdir -p $(@D)
	$(CROSS)gcc $(FLAGS) $(VARIANT) -o $@ $(SOURCES)

MISSING := faults/missing/main.c faults/startup.c faults/uart.c

$(OUT)/missing-%.elf: $(MISSING) $(wildcard faults/*.h) faults/link.ld faults/build.mk
	@mkdir -p $(@D)
	$(CROSS)gcc $(FLAGS) -$* -g -o $@ $(MISSING)

# The same for the FE310, a RISC-V.
RISCV_FLAGS := -march=rv32imac_zicsr -mabi=ilp32 -mno-relax -msmall-data-limit=0 -std=gnu11 -ffreestanding -fno-ident \
	-fno-common -fno-tree-loop-distribute-patterns "-ffile-prefix-map=$$PWD=." -Wall -Wextra -Werror \
	-Wno-infinite-recursion -nostdlib -static -Wl,--build-id=none -T faults/riscv/link.ld
RISCV_SOURCES := $(sort $(wildcard faults/riscv/*.c))

$(OUT)/riscv-%.elf: $(RISCV_SOURCES) faults/riscv/link.ld faults/build.mk
	@mkdir -p $(@D)
	riscv64-unknown-elf-gcc $(RISCV_FLAGS) -$* -g -o $@ $(RISCV_SOURCES)
