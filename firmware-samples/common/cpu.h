// What every processor architecture provides: sleeping, resetting and crashing.
#pragma once

#include "cpu_arch.h" // cpu_irq_disable, cpu_irq_enable, cpu_wait_for_interrupt

// Sleeps until a condition holds that an interrupt handler makes true.
// It is checked with interrupts masked: an interrupt that comes between the check and the sleep stays pending
// and ends the sleep at once, so it cannot be missed. Its handler runs where interrupts are let in again.
#define CPU_SLEEP_UNTIL(condition)     \
    do {                               \
        cpu_irq_disable();             \
        while (!(condition)) {         \
            cpu_wait_for_interrupt();  \
            cpu_irq_enable();          \
            cpu_irq_disable();         \
        }                              \
        cpu_irq_enable();              \
    } while (0)

_Noreturn void cpu_reset(void); // resets the whole system
_Noreturn void cpu_crash(void); // executes an instruction that does not exist
_Noreturn void cpu_halt(void);  // stops for good
