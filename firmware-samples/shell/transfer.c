// The commands that move many bytes: numbered lines and raw bytes, out and in.
#include "transfer.h"

#include "crc32.h"
#include "line.h"
#include "print.h"
#include "uart.h"

#define MIN_DIGITS 6u // of a line number

// Numbers from 1 up, all as wide as the last one.
void transfer_flood(uint32_t count)
{
    unsigned digits = dec_digits(count);
    if (digits < MIN_DIGITS)
        digits = MIN_DIGITS;
    for (uint32_t i = 0; i < count; i++) {
        print("line ");
        print_dec_padded(i + 1, digits);
        print("\r\n");
    }
    print("flood done ");
    print_dec(count);
    print("\r\n");
}

void transfer_bytes(void)
{
    for (unsigned value = 0; value < 256; value++)
        uart_putc((uint8_t)value);
    print("\r\nbytes done\r\n");
}

static void report(const char *what, uint32_t count, uint32_t crc)
{
    print(what);
    print_dec(count);
    print(" crc32 ");
    print_hex(crc32_finish(crc));
    print("\r\n");
}

void transfer_sink(uint32_t count)
{
    uint32_t crc = CRC32_INIT;
    for (uint32_t i = 0; i < count; i++)
        crc = crc32_add(crc, line_next_byte());
    report("sink ", count, crc);
}

// Byte i is (i * 7 + (i >> 8)) & 0xff.
void transfer_source(uint32_t count)
{
    uint32_t crc = CRC32_INIT;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t byte = (uint8_t)(i * 7 + (i >> 8));
        crc = crc32_add(crc, byte);
        uart_putc(byte);
    }
    report("\r\nsource ", count, crc);
}
