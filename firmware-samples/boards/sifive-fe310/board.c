// SiFive FE310 on a HiFive1: UART0 on pins 16/17 as the console, the green LED on pin 19.
//
// Everything runs on the clock that the boot loader leaves.
#include "board.h"

#include "hal.h"
#include "plic.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define UART0_TXDATA REG(0x10013000)
#define UART0_RXDATA REG(0x10013004) // reading takes the byte
#define UART0_TXCTRL REG(0x10013008)
#define UART0_RXCTRL REG(0x1001300c)
#define UART0_IE     REG(0x10013010)
#define UART_TXDATA_FULL  (1u << 31)
#define UART_RXDATA_EMPTY (1u << 31)
#define UART_TXCTRL_TXEN  (1u << 0)
#define UART_RXCTRL_RXEN  (1u << 0)
#define UART_IE_RXWM      (1u << 1) // more bytes than RXCTRL says: than none

#define GPIO_OUTPUT_EN  REG(0x10012008)
#define GPIO_OUTPUT_VAL REG(0x1001200c)
#define GPIO_IOF_EN     REG(0x10012038) // gives a pin to a peripheral; UART0 is the first of the two it can have
#define UART0_PINS (1u << 16 | 1u << 17)
#define LED_PIN (1u << 19) // low lights it

void hal_init(void)
{
    GPIO_IOF_EN |= UART0_PINS;
    GPIO_OUTPUT_EN |= LED_PIN;

    UART0_TXCTRL = UART_TXCTRL_TXEN;
    UART0_RXCTRL = UART_RXCTRL_RXEN;
    UART0_IE = UART_IE_RXWM;
}

void hal_uart_write(uint8_t byte)
{
    while (UART0_TXDATA & UART_TXDATA_FULL)
        ;
    UART0_TXDATA = byte;
}

// This UART does not tell of an overrun.
int hal_uart_read(void)
{
    uint32_t data = UART0_RXDATA;
    return data & UART_RXDATA_EMPTY ? -1 : (int)(uint8_t)data;
}

void hal_uart_listen(bool on)
{
    plic_listen(BOARD_UART_IRQ, on);
}

void hal_led(bool on)
{
    if (on)
        GPIO_OUTPUT_VAL &= ~LED_PIN;
    else
        GPIO_OUTPUT_VAL |= LED_PIN;
}
