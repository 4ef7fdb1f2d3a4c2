// S32K388 as fixtures/platforms/s32k388.repl describes it: a PL011 in the place of LPUART0 as the console; there is no LED.
//
// The UART is turned on by whoever loads the program, as by a boot loader.
#include "board.h"

#include "hal.h"
#include "scs.h"
#include "uart.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define UART_DR   REG(0x40328000)
#define UART_RSR  REG(0x40328004)
#define UART_FR   REG(0x40328018)
#define UART_LCRH REG(0x4032802c)
#define UART_IMSC REG(0x40328038)
#define UART_RSR_OE (1u << 3) // any write clears it
#define UART_FR_RXFE (1u << 4)
#define UART_FR_TXFF (1u << 5)
#define UART_LCRH_8_BITS (3u << 5)
#define UART_IMSC_RX (1u << 4)

void hal_init(void)
{
    UART_LCRH = UART_LCRH_8_BITS;
    UART_IMSC = UART_IMSC_RX;
}

void hal_uart_write(uint8_t byte)
{
    while (UART_FR & UART_FR_TXFF)
        ;
    UART_DR = byte;
}

int hal_uart_read(void)
{
    if (UART_RSR & UART_RSR_OE) {
        UART_RSR = 0;
        uart_overruns++;
    }
    return UART_FR & UART_FR_RXFE ? -1 : (int)(uint8_t)UART_DR;
}

void hal_uart_listen(bool on)
{
    nvic_listen(BOARD_UART_IRQ, on);
}

void hal_led(bool on)
{
    (void)on;
}
