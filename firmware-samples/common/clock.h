// Time since boot and sleeping, in milliseconds.
#pragma once

#include <stdint.h>

void clock_init(void);
uint32_t clock_ms(void);
void clock_sleep_ms(uint32_t ms);
