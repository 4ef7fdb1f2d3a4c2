// Cortex-M: vector table and the way from reset to main().
#include <stdint.h>

#include "board.h"
#include "handlers.h"
#include "uart.h"

// From the linker script.
extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);

_Noreturn void reset_handler(void)
{
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++)
        *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;
    main();
    __builtin_unreachable(); // the samples never return
}

union vector {
    uint32_t *stack;
    void (*handler)(void);
};

// Disabled faults escalate to HardFault. The emulators that raise a UsageFault nevertheless get the same report.
__attribute__((section(".vectors"), used)) static const union vector vectors[] = {
    [0] = {.stack = stack_top},
    [1] = {.handler = reset_handler},
    [2 ... 6] = {.handler = fault_handler}, // NMI, HardFault, MemManage, BusFault, UsageFault
    [15] = {.handler = systick_handler},
    [16 + BOARD_UART_IRQ] = {.handler = uart_interrupt},
};
