// Text output on the console: strings and numbers.
#include "print.h"

#include "uart.h"

#define MAX_DIGITS 10u // of a 32-bit number

void print(const char *text)
{
    while (*text)
        uart_putc((uint8_t)*text++);
}

unsigned dec_digits(uint32_t value)
{
    unsigned digits = 1;
    while (value >= 10) {
        value /= 10;
        digits++;
    }
    return digits;
}

void print_dec_padded(uint32_t value, unsigned digits)
{
    char text[MAX_DIGITS + 1];
    char *first = text + MAX_DIGITS;
    *first = '\0';
    for (unsigned i = 0; i < digits; i++) {
        *--first = (char)('0' + value % 10);
        value /= 10;
    }
    print(first);
}

void print_dec(uint32_t value)
{
    print_dec_padded(value, dec_digits(value));
}

void print_hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        uart_putc((uint8_t)"0123456789abcdef"[(value >> shift) & 0xf]);
}
