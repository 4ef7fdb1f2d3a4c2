# STM32F4: how to compile for it.
ARCH := cortex-m
CROSS := arm-none-eabi-
CPU_FLAGS := -mcpu=cortex-m4 -mthumb -mfloat-abi=soft
BOARD_SAMPLES := bridge counter ethernet semihosting
FORMATS := elf bin hex srec stripped
DEBUG_SAMPLES := shell compute
