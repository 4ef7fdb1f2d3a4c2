// S32K388: LPUART0 as the console; there is no LED.
//
// Clocks, pins and the way of the interrupt to the first core are as the boot loader leaves them.
#include "board.h"

#include "hal.h"
#include "scs.h"
#include "uart.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define LPUART0_BAUD REG(0x40328010)
#define LPUART0_STAT REG(0x40328014)
#define LPUART0_CTRL REG(0x40328018)
#define LPUART0_DATA REG(0x4032801c)
#define LPUART_BAUD_OSR(n)  (((n) - 1u) << 24) // samples a bit
#define LPUART_BAUD_SBR(n)  (n)                // clock divider
#define LPUART_STAT_OR   (1u << 19)            // a 1 clears it
#define LPUART_STAT_RDRF (1u << 21)
#define LPUART_STAT_TDRE (1u << 23)
#define LPUART_CTRL_RE   (1u << 18)
#define LPUART_CTRL_TE   (1u << 19)
#define LPUART_CTRL_RIE  (1u << 21)

void hal_init(void)
{
    LPUART0_BAUD = LPUART_BAUD_OSR(16) | LPUART_BAUD_SBR(13); // 115200 baud of 24 MHz
    LPUART0_CTRL = LPUART_CTRL_TE | LPUART_CTRL_RE | LPUART_CTRL_RIE;
}

void hal_uart_write(uint8_t byte)
{
    while (!(LPUART0_STAT & LPUART_STAT_TDRE))
        ;
    LPUART0_DATA = byte;
}

int hal_uart_read(void)
{
    uint32_t status = LPUART0_STAT;
    if (status & LPUART_STAT_OR) {
        LPUART0_STAT = LPUART_STAT_OR;
        uart_overruns++;
    }
    return status & LPUART_STAT_RDRF ? (int)(uint8_t)LPUART0_DATA : -1;
}

void hal_uart_listen(bool on)
{
    nvic_listen(BOARD_UART_IRQ, on);
}

void hal_led(bool on)
{
    (void)on;
}
