// STM32F4: USART2 on PA2/PA3 as the console, the green LED of the Discovery board on PD12.
//
// Everything runs on the 16 MHz clock that is on after reset: no PLL and nothing to wait for, since QEMU has neither
// clock control nor GPIO. QEMU's USART interrupts for RXNE only, so bytes are sent by polling.
#include "board.h"

#include "hal.h"
#include "scs.h"
#include "uart.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC_AHB1ENR REG(0x40023830)
#define RCC_AHB1ENR_GPIOA (1u << 0)
#define RCC_AHB1ENR_GPIOD (1u << 3)
#define RCC_APB1ENR REG(0x40023840)
#define RCC_APB1ENR_USART2 (1u << 17)

#define GPIOA_MODER REG(0x40020000) // two bits a pin: 1 output, 2 alternate function
#define GPIOA_AFRL  REG(0x40020020) // four bits a pin
#define GPIOD_MODER REG(0x40020c00)
#define GPIOD_BSRR  REG(0x40020c18) // low half sets a pin, high half clears it
#define LED_PIN 12

#define USART2_SR  REG(0x40004400)
#define USART2_DR  REG(0x40004404)
#define USART2_BRR REG(0x40004408)
#define USART2_CR1 REG(0x4000440c)
#define USART_SR_ORE  (1u << 3)
#define USART_SR_RXNE (1u << 5)
#define USART_SR_TC   (1u << 6)
#define USART_SR_TXE  (1u << 7)
#define USART_CR1_RE     (1u << 2)
#define USART_CR1_TE     (1u << 3)
#define USART_CR1_RXNEIE (1u << 5)
#define USART_CR1_UE     (1u << 13)
#define BRR_1_MBAUD 16 // the fastest with 16 MHz; some emulators pace the bytes they deliver by it

void hal_init(void)
{
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOA | RCC_AHB1ENR_GPIOD;
    RCC_APB1ENR |= RCC_APB1ENR_USART2;

    GPIOA_AFRL |= 7u << (2 * 4) | 7u << (3 * 4); // 7 is USART2
    GPIOA_MODER |= 2u << (2 * 2) | 2u << (3 * 2);
    GPIOD_MODER |= 1u << (LED_PIN * 2);

    USART2_BRR = BRR_1_MBAUD;
    USART2_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
}

// In silicon the first byte is still on its way right after the write: TC is clear. An emulator has sent it by then,
// and will send every other byte as fast; in QEMU a look at SR costs more than the byte, so it is spared from there on.
void hal_uart_write(uint8_t byte)
{
    static enum { UNKNOWN, GRADUAL, INSTANT } transmission;

    while (transmission != INSTANT && !(USART2_SR & USART_SR_TXE))
        ;
    USART2_DR = byte;
    if (transmission == UNKNOWN)
        transmission = USART2_SR & USART_SR_TC ? INSTANT : GRADUAL;
}

int hal_uart_read(void)
{
    uint32_t status = USART2_SR;
    if (status & USART_SR_ORE)
        uart_overruns++;
    if (!(status & (USART_SR_RXNE | USART_SR_ORE)))
        return -1;
    uint8_t byte = (uint8_t)USART2_DR; // reading SR and then DR also clears ORE
    return status & USART_SR_RXNE ? byte : -1;
}

void hal_uart_listen(bool on)
{
    nvic_listen(BOARD_UART_IRQ, on);
}

void hal_led(bool on)
{
    GPIOD_BSRR = on ? 1u << LED_PIN : 1u << (LED_PIN + 16);
}
