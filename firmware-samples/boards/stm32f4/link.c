// STM32F4: USART3 as the link. Sends by polling, as the console does.
#include "link.h"

#include "board.h"
#include "scs.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC_AHB1ENR REG(0x40023830)
#define RCC_AHB1ENR_GPIOB (1u << 1)
#define RCC_APB1ENR REG(0x40023840)
#define RCC_APB1ENR_USART3 (1u << 18)

#define GPIOB_MODER REG(0x40020400)
#define GPIOB_AFRH  REG(0x40020424)

#define USART3_SR  REG(0x40004800)
#define USART3_DR  REG(0x40004804)
#define USART3_BRR REG(0x40004808)
#define USART3_CR1 REG(0x4000480c)
#define USART_SR_RXNE (1u << 5)
#define USART_SR_TXE  (1u << 7)
#define USART_CR1_RE     (1u << 2)
#define USART_CR1_TE     (1u << 3)
#define USART_CR1_RXNEIE (1u << 5)
#define USART_CR1_UE     (1u << 13)
#define BRR_1_MBAUD 16
#define USART3_IRQ 39

void link_init(void)
{
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOB;
    RCC_APB1ENR |= RCC_APB1ENR_USART3;

    GPIOB_AFRH |= 7u << (2 * 4) | 7u << (3 * 4); // 7 is USART3
    GPIOB_MODER |= 2u << (10 * 2) | 2u << (11 * 2);

    USART3_BRR = BRR_1_MBAUD;
    USART3_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
}

void link_write(uint8_t byte)
{
    while (!(USART3_SR & USART_SR_TXE))
        ;
    USART3_DR = byte;
}

int link_read(void)
{
    return USART3_SR & USART_SR_RXNE ? (int)(uint8_t)USART3_DR : -1;
}

void link_listen(void)
{
    NVIC_ISER(USART3_IRQ) = NVIC_BIT(USART3_IRQ);
}

void link_forget_interrupts(void)
{
    NVIC_ICPR(BOARD_UART_IRQ) = NVIC_BIT(BOARD_UART_IRQ);
    NVIC_ICPR(USART3_IRQ) = NVIC_BIT(USART3_IRQ);
}
