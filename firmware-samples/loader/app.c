// Prints `ready`, and answers a letter: `d` with its number of digits so far, another one with `?`.
#include <stdint.h>

#include "../faults/uart.h"

static uint32_t letters, others;

static inline void answer(uint32_t count)
{
    char text[] = "0\r\n";
    text[0] = (char)('0' + count % 10);
    uart_print(text);
}

static uint32_t largest(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void SysTick_Handler(void) {}

void HardFault_Handler(void)
{
    for (;;)
        ;
}

int main(void)
{
    uart_init();
    uart_print("ready\r\n");
    for (;;) {
        char letter = uart_read();
        if (letter == 'd') {
            letters++;
            answer(letters);
        } else if (letter == 'l') {
            answer(largest(letters, others));
        } else {
            others++;
            uart_print("?\r\n");
        }
    }
}
