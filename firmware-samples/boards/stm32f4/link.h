// STM32F4: a second UART, USART3 on PB10/PB11, for samples that talk to another board or to a modem.
#pragma once

#include <stdint.h>

void link_init(void);
void link_write(uint8_t byte);
int link_read(void); // a received byte, or -1 if there is none

void link_listen(void);            // turns its receive interrupt on
void link_forget_interrupts(void); // those of both UARTs that are pending
