// RISC-V: resetting, crashing and halting.
#include "cpu.h"

#include "handlers.h"

// The architecture has no reset that software can ask for: the program begins anew, and sets up all that it uses.
_Noreturn void cpu_reset(void)
{
    cpu_irq_disable();
    reset_handler();
}

_Noreturn void cpu_crash(void)
{
    __asm__ volatile("unimp");
    __builtin_unreachable();
}

_Noreturn void cpu_halt(void)
{
    __asm__ volatile("csrw mie, zero");
    for (;;)
        cpu_wait_for_interrupt();
}
