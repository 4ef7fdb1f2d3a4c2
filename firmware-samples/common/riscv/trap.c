// RISC-V: interrupts, and the report of a fault.
#include <stdint.h>

#include "cpu.h"
#include "handlers.h"
#include "plic.h"
#include "print.h"
#include "uart.h"

#define MCAUSE_TIMER    0x80000007u
#define MCAUSE_EXTERNAL 0x8000000bu

__attribute__((used, interrupt("machine"))) static void interrupt(void)
{
    uint32_t cause;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == MCAUSE_TIMER) {
        timer_handler();
    } else if (cause == MCAUSE_EXTERNAL) {
        uint32_t irq = PLIC_CLAIM;
        if (irq) // 0 if it has gone meanwhile
            uart_interrupt();
        PLIC_CLAIM = irq;
    }
}

__attribute__((used)) static _Noreturn void fault_report(uint32_t pc, uint32_t ra)
{
    print("Exception at 0x");
    print_hex(pc);
    print("\r\npc 0x");
    print_hex(pc);
    print("\r\nlr 0x");
    print_hex(ra);
    print("\r\n");
    cpu_halt();
}

// The sign of mcause tells an interrupt, which must leave all registers as they were, from a fault.
__attribute__((naked, aligned(4))) void trap_handler(void)
{
    __asm__("csrw mscratch, t0\n\t"
            "csrr t0, mcause\n\t"
            "bgez t0, 1f\n\t"
            "csrr t0, mscratch\n\t"
            "j interrupt\n"
            "1:\n\t"
            "csrr a0, mepc\n\t"
            "mv a1, ra\n\t"
            "j fault_report");
}
