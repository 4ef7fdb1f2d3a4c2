# S32K388: how to compile for its first core.
ARCH := cortex-m
CROSS := arm-none-eabi-
CPU_FLAGS := -mcpu=cortex-m7 -mthumb -mfloat-abi=soft
FORMATS := elf
