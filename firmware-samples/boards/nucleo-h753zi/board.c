// Nucleo-H753ZI: USART3 on PD8/PD9 as the console, the green LED on PB0.
//
// Everything runs on the 64 MHz clock that is on after reset.
#include "board.h"

#include "hal.h"
#include "scs.h"
#include "uart.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC_AHB4ENR REG(0x580244e0)
#define RCC_AHB4ENR_GPIOB (1u << 1)
#define RCC_AHB4ENR_GPIOD (1u << 3)
#define RCC_APB1LENR REG(0x580244e8)
#define RCC_APB1LENR_USART3 (1u << 18)

#define GPIOB_MODER REG(0x58020400) // two bits a pin: 1 output, 2 alternate function, 3 after reset
#define GPIOB_BSRR  REG(0x58020418) // low half sets a pin, high half clears it
#define GPIOD_MODER REG(0x58020c00)
#define GPIOD_AFRH  REG(0x58020c24) // four bits a pin, from pin 8 on
#define LED_PIN 0

#define USART3_CR1 REG(0x40004800)
#define USART3_BRR REG(0x4000480c)
#define USART3_ISR REG(0x4000481c)
#define USART3_ICR REG(0x40004820)
#define USART3_RDR REG(0x40004824)
#define USART3_TDR REG(0x40004828)
#define USART_CR1_UE     (1u << 0)
#define USART_CR1_RE     (1u << 2)
#define USART_CR1_TE     (1u << 3)
#define USART_CR1_RXNEIE (1u << 5)
#define USART_ISR_ORE    (1u << 3)
#define USART_ISR_RXNE   (1u << 5)
#define USART_ISR_TXE    (1u << 7)
#define USART_ICR_ORECF  (1u << 3)
#define BRR_1_MBAUD 64

void hal_init(void)
{
    RCC_AHB4ENR |= RCC_AHB4ENR_GPIOB | RCC_AHB4ENR_GPIOD;
    RCC_APB1LENR |= RCC_APB1LENR_USART3;

    GPIOD_AFRH |= 7u << (0 * 4) | 7u << (1 * 4); // 7 is USART3
    GPIOD_MODER &= ~(1u << (8 * 2) | 1u << (9 * 2));
    GPIOB_MODER &= ~(2u << (LED_PIN * 2));

    USART3_BRR = BRR_1_MBAUD;
    USART3_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
}

void hal_uart_write(uint8_t byte)
{
    while (!(USART3_ISR & USART_ISR_TXE))
        ;
    USART3_TDR = byte;
}

int hal_uart_read(void)
{
    uint32_t status = USART3_ISR;
    if (status & USART_ISR_ORE) {
        USART3_ICR = USART_ICR_ORECF;
        uart_overruns++;
    }
    return status & USART_ISR_RXNE ? (int)(uint8_t)USART3_RDR : -1;
}

void hal_uart_listen(bool on)
{
    nvic_listen(BOARD_UART_IRQ, on);
}

void hal_led(bool on)
{
    GPIOB_BSRR = on ? 1u << LED_PIN : 1u << (LED_PIN + 16);
}
