// Cortex-M: interrupt masking and sleep.
#pragma once

static inline void cpu_irq_disable(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
}

// The barrier makes sure that pending interrupts are taken here, even if the next instruction masks them again.
static inline void cpu_irq_enable(void)
{
    __asm__ volatile("cpsie i\n\tisb" ::: "memory");
}

static inline void cpu_wait_for_interrupt(void)
{
    __asm__ volatile("dsb\n\twfi" ::: "memory");
}
