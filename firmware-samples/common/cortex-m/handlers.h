// Cortex-M: the exception handlers that the vector table names.
#pragma once

void reset_handler(void);
void fault_handler(void);
void systick_handler(void);
