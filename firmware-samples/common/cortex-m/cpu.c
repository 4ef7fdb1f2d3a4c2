// Cortex-M: resetting, crashing and halting.
#include "cpu.h"

#include "scs.h"

_Noreturn void cpu_reset(void)
{
    __asm__ volatile("dsb" ::: "memory");
    AIRCR = AIRCR_SYSRESETREQ;
    cpu_halt();
}

_Noreturn void cpu_crash(void)
{
    __asm__ volatile("udf #0");
    __builtin_unreachable();
}

_Noreturn void cpu_halt(void)
{
    cpu_irq_disable();
    for (;;)
        cpu_wait_for_interrupt();
}
