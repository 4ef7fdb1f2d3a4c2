// What every board provides to the common code and to the samples.
// Names and numbers of a board (BOARD_NAME, BOARD_UART_IRQ) are in boards/<name>/board.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Clocks, pins and the UART; interrupts stay masked in the UART until hal_uart_listen(true).
void hal_init(void);

// Waits until the transmitter takes a byte, then hands it over.
void hal_uart_write(uint8_t byte);

// Takes one received byte, or -1 if there is none. Clears an overrun and counts it in uart_overruns.
int hal_uart_read(void);

// Turns the receive interrupt on or off. While it is off, a byte stays in the receiver.
void hal_uart_listen(bool on);

void hal_led(bool on);
