// S32K388: the header by which its boot ROM finds the program, at the start of the flash.
#include <stdint.h>

// From the linker script.
extern uint32_t vector_table[];

struct boot_header {
    uint32_t marker;
    uint32_t cores; // one bit for each core to start
    uint32_t reserved;
    uint32_t *vectors; // of the first core
};

__attribute__((section(".boot_header"), used)) static const struct boot_header boot_header = {
    .marker = 0x5aa55aa5,
    .cores = 1,
    .vectors = vector_table,
};
