// Line input from the console: line ends, echo and Backspace.
#include "line.h"

#include "print.h"
#include "uart.h"

static bool after_cr; // a line has just ended in CR: an LF still belongs to it

uint8_t line_next_byte(void)
{
    uint8_t byte = uart_getc();
    if (after_cr && byte == '\n')
        byte = uart_getc();
    after_cr = false;
    return byte;
}

bool line_read(char buffer[LINE_MAX + 1], bool interactive)
{
    uint32_t length = 0; // counts on when the buffer is full, so that Backspace can bring the line back into it
    for (;;) {
        uint8_t byte = line_next_byte();
        if (byte == '\r' || byte == '\n') {
            after_cr = byte == '\r';
            if (interactive)
                print("\r\n");
            buffer[length <= LINE_MAX ? length : LINE_MAX] = '\0';
            return length <= LINE_MAX;
        }
        if (interactive && (byte == '\b' || byte == 0x7f)) {
            if (length > 0) {
                length--;
                print("\b \b");
            }
            continue;
        }
        if (length < LINE_MAX)
            buffer[length] = (char)byte;
        length++;
        if (interactive)
            uart_putc(byte);
    }
}
