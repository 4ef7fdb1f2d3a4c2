// Cortex-M: vector table and the way from reset to main().
#include <stdint.h>

#include "board.h"
#include "handlers.h"
#include "scs.h"
#include "uart.h"

// From the linker script.
extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);

union vector {
    uint32_t *stack;
    void (*handler)(void);
};

// Disabled faults escalate to HardFault. An emulator that raises a UsageFault nevertheless gets the same report.
__attribute__((section(".vectors"), used)) static const union vector vectors[] = {
    [0] = {.stack = stack_top},
    [1] = {.handler = reset_handler},
    [2 ... 6] = {.handler = fault_handler}, // NMI, HardFault, MemManage, BusFault, UsageFault
    [15] = {.handler = systick_handler},
    [16 + BOARD_UART_IRQ] = {.handler = uart_interrupt},
};

__attribute__((used)) static _Noreturn void start(void)
{
    VTOR = (uint32_t)vectors;
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++)
        *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;
    main();
    __builtin_unreachable(); // the samples never return
}

// A processor has loaded the stack pointer and the vector table's address by now. A loader that jumps straight to the
// entry point of the file, as Renode does with an S-record, has not.
__attribute__((naked)) void reset_handler(void)
{
    __asm__("ldr r0, =stack_top\n\tmov sp, r0\n\tb start");
}
