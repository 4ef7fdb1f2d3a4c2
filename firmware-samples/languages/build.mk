# Builds the samples in other languages than C: make -f languages/build.mk OUT=<directory>
#
# They have debug information and mangled names. `rust` is built on its own, because the bytes
# depend on the version of rustc: make -f languages/build.mk OUT=prebuilt/languages rust
CROSS := arm-none-eabi-
FLAGS := -mcpu=cortex-m4 -mthumb -mfloat-abi=softfp -mfpu=fpv4-sp-d16 -ffreestanding -fno-ident \
	"-ffile-prefix-map=$$PWD=." -Wall -Wextra -Werror -g
LINK := -nostdlib -static -Wl,--build-id=none -T faults/link.ld

.PHONY: all rust
all: $(OUT)/cpp.elf $(OUT)/cpp-O0.elf

$(OUT)/cpp.elf: VARIANT := -Os
$(OUT)/cpp-O0.elf: VARIANT := -O0

$(OUT)/cpp%elf: languages/main.cpp faults/startup.c faults/uart.c faults/uart.h faults/link.ld languages/build.mk
	@mkdir -p $(@D)
	$(CROSS)gcc $(FLAGS) $(VARIANT) -std=gnu11 -c -o $(@D)/startup.o faults/startup.c
	$(CROSS)gcc $(FLAGS) $(VARIANT) -std=gnu11 -c -o $(@D)/uart.o faults/uart.c
	$(CROSS)g++ $(FLAGS) $(VARIANT) -std=c++17 -fno-exceptions -fno-rtti -c -o $(@D)/main.o languages/main.cpp
	$(CROSS)g++ $(FLAGS) $(VARIANT) $(LINK) -o $@ $(@D)/main.o $(@D)/startup.o $(@D)/uart.o
	rm $(@D)/*.o

RUSTC := rustc --edition 2024 --target thumbv7em-none-eabihf --crate-name monitor --remap-path-prefix "$$PWD=." \
	-C linker=rust-lld -C link-arg=-Tfaults/link.ld -C link-arg=--build-id=none -C debuginfo=2 -C panic=abort

rust: languages/main.rs languages/uart.rs
	@mkdir -p $(OUT)
	$(RUSTC) -C opt-level=s -C lto -o $(OUT)/rust.elf languages/main.rs
	$(RUSTC) -C opt-level=0 -o $(OUT)/rust-O0.elf languages/main.rs
