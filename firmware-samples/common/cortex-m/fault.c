// Cortex-M: the report of a fault.
#include <stdint.h>

#include "cpu.h"
#include "handlers.h"
#include "print.h"

// What the processor pushes on the stack when it takes an exception.
struct frame {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
};

__attribute__((used)) static _Noreturn void fault_report(const struct frame *frame)
{
    print("HardFault at 0x");
    print_hex(frame->pc);
    print("\r\npc 0x");
    print_hex(frame->pc);
    print("\r\nlr 0x");
    print_hex(frame->lr);
    print("\r\n");
    cpu_halt();
}

__attribute__((naked)) void fault_handler(void)
{
    __asm__("mrs r0, msp\n\tb fault_report");
}
