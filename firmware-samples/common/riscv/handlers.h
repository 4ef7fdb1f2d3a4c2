// RISC-V: where the processor goes at reset and at a trap.
#pragma once

_Noreturn void reset_handler(void);
void trap_handler(void);
void timer_handler(void);
