// RISC-V: the way from reset to main().
#include <stdint.h>

#include "board.h"
#include "handlers.h"
#include "plic.h"

#define MIE_TIMER    (1u << 7)
#define MIE_EXTERNAL (1u << 11)

// From the linker script.
extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[];

int main(void);

__attribute__((used)) static _Noreturn void start(void)
{
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++)
        *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;

    PLIC_PRIORITY(BOARD_UART_IRQ) = 1;
    PLIC_THRESHOLD = 0;
    __asm__ volatile("csrw mtvec, %0" ::"r"(trap_handler));
    __asm__ volatile("csrw mie, %0" ::"r"(MIE_TIMER | MIE_EXTERNAL));
    __asm__ volatile("csrsi mstatus, 8"); // lets interrupts in
    main();
    __builtin_unreachable(); // the samples never return
}

__attribute__((naked)) _Noreturn void reset_handler(void)
{
    __asm__("la sp, stack_top\n\tj start");
}
