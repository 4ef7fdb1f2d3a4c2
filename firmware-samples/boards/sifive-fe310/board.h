// SiFive FE310: the board's name and the numbers the common code needs.
#pragma once

#define BOARD_NAME "sifive_fe310"
#define BOARD_UART_IRQ 3         // UART0
#define BOARD_MTIME_KHZ 62000u   // Renode's; the chip's own is 32.768
