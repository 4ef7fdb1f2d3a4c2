// Nucleo-H753ZI: the board's name and the numbers the common code needs.
#pragma once

#define BOARD_NAME "nucleo_h753zi"
#define BOARD_UART_IRQ 39 // USART3
