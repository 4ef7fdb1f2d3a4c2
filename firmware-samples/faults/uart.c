#include "uart.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC_AHB1ENR REG(0x40023830)
#define RCC_APB1ENR REG(0x40023840)
#define GPIOA_MODER REG(0x40020000)
#define GPIOA_AFRL REG(0x40020020)
#define USART2_SR REG(0x40004400)
#define USART2_DR REG(0x40004404)
#define USART2_BRR REG(0x40004408)
#define USART2_CR1 REG(0x4000440c)
#define USART_SR_RXNE (1u << 5)
#define USART_SR_TXE (1u << 7)

void uart_init(void)
{
    RCC_AHB1ENR |= 1u << 0;
    RCC_APB1ENR |= 1u << 17;
    GPIOA_AFRL |= 7u << (2 * 4) | 7u << (3 * 4);
    GPIOA_MODER |= 2u << (2 * 2) | 2u << (3 * 2);
    USART2_BRR = 16;
    USART2_CR1 = 1u << 13 | 1u << 3 | 1u << 2;
}

void uart_print(const char *text)
{
    for (; *text; text++) {
        while (!(USART2_SR & USART_SR_TXE))
            ;
        USART2_DR = (uint8_t)*text;
    }
}

char uart_read(void)
{
    while (!(USART2_SR & USART_SR_RXNE))
        ;
    return (char)USART2_DR;
}
