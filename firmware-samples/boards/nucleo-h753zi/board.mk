# Nucleo-H753ZI: how to compile for it.
ARCH := cortex-m
CROSS := arm-none-eabi-
CPU_FLAGS := -mcpu=cortex-m7 -mthumb -mfloat-abi=soft
FORMATS := elf
