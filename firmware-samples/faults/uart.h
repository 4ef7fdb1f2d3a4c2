// USART2 of an STM32F4, by polling.
#pragma once

#include <stdint.h>

void uart_init(void);
void uart_print(const char *text);
char uart_read(void);
