// STM32F4: the board's name and the numbers the common code needs.
#pragma once

#define BOARD_NAME "stm32f4"
#define BOARD_UART_IRQ 38 // USART2
