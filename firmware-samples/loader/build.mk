# Builds a boot loader and its program: make -f loader/build.mk OUT=<directory>
#
# Both have debug information. The linker leaves out what nothing calls, and the program is optimised
# as a whole. They are built in this directory, so their sources have paths below it, and beside it.
# `both.hex` has both.
CROSS := arm-none-eabi-
FLAGS := -mcpu=cortex-m4 -mthumb -mfloat-abi=softfp -mfpu=fpv4-sp-d16 -std=gnu11 -ffreestanding -fno-ident \
	-ffunction-sections -fno-tree-loop-distribute-patterns "-ffile-prefix-map=$$PWD=loader" -Wall -Wextra -Werror -Os -g \
	-nostdlib -static -Wl,--build-id=none -Wl,--gc-sections
.PHONY: all
all: $(OUT)/both.hex

$(OUT)/app.elf: FLAGS += -flto -frandom-seed=app

$(OUT)/%.elf: loader/%.c faults/startup.c faults/uart.c faults/uart.h loader/%.ld loader/sections.ld loader/build.mk
	@mkdir -p $(@D)
	cd loader && $(CROSS)gcc $(FLAGS) -T $*.ld -o $(abspath $@) $*.c ../faults/startup.c ../faults/uart.c

# Records of Intel HEX: all but the last one of the loader, which ends the file.
$(OUT)/both.hex: $(OUT)/loader.elf $(OUT)/app.elf
	$(CROSS)objcopy -O ihex $(OUT)/loader.elf $(OUT)/loader.hex
	$(CROSS)objcopy -O ihex $(OUT)/app.elf $(OUT)/app.hex
	{ grep -v '^:00000001FF' $(OUT)/loader.hex; cat $(OUT)/app.hex; } > $@
	rm $(OUT)/loader.hex $(OUT)/app.hex
