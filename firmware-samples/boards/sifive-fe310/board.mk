# SiFive FE310: how to compile for it.
ARCH := riscv
CROSS := riscv64-unknown-elf-
CPU_FLAGS := -march=rv32imac_zicsr -mabi=ilp32 -mno-relax
FORMATS := elf
DEBUG_SAMPLES := shell
