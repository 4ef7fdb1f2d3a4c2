// The console: received bytes are buffered by interrupt, sent bytes go out at once.
#pragma once

#include <stdint.h>

extern volatile uint32_t uart_overruns; // bytes the receiver lost because nobody took them in time

void uart_init(void);
uint8_t uart_getc(void); // sleeps until there is a byte
void uart_putc(uint8_t byte);

void uart_interrupt(void); // handles the receive interrupt
