// S32K388: the board's name and the numbers the common code needs.
#pragma once

#define BOARD_NAME "s32k388"
#define BOARD_UART_IRQ 141 // LPUART0
