// Prints `loader`, and starts the program at 0x08010000.
#include <stdint.h>

#include "../faults/uart.h"

#define SCB_VTOR (*(volatile uint32_t *)0xe000ed08)

static const uint32_t *const app = (const uint32_t *)0x08010000;

// Nothing calls these: the linker leaves them out.
void update(volatile uint32_t *from, volatile uint32_t *to)
{
    for (int word = 0; word < 1024; word++)
        to[word] = from[word];
    uart_print("updated\r\n");
}

int verify(const uint8_t *image, uint32_t length)
{
    uint32_t sum = 0;
    while (length--)
        sum += *image++;
    return sum != 0;
}

static void refuse(void)
{
    uart_print("no program\r\n");
    for (;;)
        ;
}

void SysTick_Handler(void) {}

void HardFault_Handler(void)
{
    refuse();
}

int main(void)
{
    uart_init();
    uart_print("loader\r\n");
    if (app[0] == 0xffffffff)
        refuse();
    SCB_VTOR = (uint32_t)app;
    __asm volatile("msr msp, %0\n\tbx %1" ::"r"(app[0]), "r"(app[1]));
    __builtin_unreachable();
}
