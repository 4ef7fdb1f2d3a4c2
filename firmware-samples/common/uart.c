// The console: a ring buffer between the receive interrupt and the program, and flow control.
#include "uart.h"

#include <stdbool.h>

#include "cpu.h"
#include "hal.h"

#define RING_SIZE 1024u // a power of two

volatile uint32_t uart_overruns;

static volatile uint8_t ring[RING_SIZE]; // volatile: a byte is read before it counts as taken
static volatile uint32_t received; // counts bytes put in, by the interrupt handler only
static volatile uint32_t taken;    // counts bytes taken out, by the program only
static volatile bool stalled;      // the ring was full and the receive interrupt is off

void uart_init(void)
{
    hal_uart_listen(true);
}

// With a full ring the next byte stays in the receiver. Emulators hold back the sender then, so nothing is lost.
void uart_interrupt(void)
{
    if (received - taken == RING_SIZE) {
        hal_uart_listen(false);
        stalled = true;
        return;
    }
    int byte = hal_uart_read();
    if (byte >= 0) {
        ring[received % RING_SIZE] = (uint8_t)byte;
        received++;
    }
}

uint8_t uart_getc(void)
{
    CPU_SLEEP_UNTIL(received != taken);
    uint8_t byte = ring[taken % RING_SIZE];
    taken++;
    if (stalled) {
        stalled = false;
        hal_uart_listen(true);
    }
    return byte;
}

void uart_putc(uint8_t byte)
{
    hal_uart_write(byte);
}
