// RISC-V: interrupt masking and sleep.
#pragma once

#define MSTATUS_MIE "8" // as the immediate of an instruction

static inline void cpu_irq_disable(void)
{
    __asm__ volatile("csrci mstatus, " MSTATUS_MIE ::: "memory");
}

static inline void cpu_irq_enable(void)
{
    __asm__ volatile("csrsi mstatus, " MSTATUS_MIE ::: "memory");
}

// An interrupt that is turned on in mie ends it, even while interrupts are masked.
static inline void cpu_wait_for_interrupt(void)
{
    __asm__ volatile("wfi" ::: "memory");
}
