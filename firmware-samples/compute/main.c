// compute: answers each line, a number N, with "done XXXXXXXX" after N rounds of computing, which does
// not wait for anything: loops, calls, calls by pointers, and a recursion.
#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "crc32.h"
#include "hal.h"
#include "line.h"
#include "print.h"
#include "uart.h"

#define WORDS 256u

static uint32_t words[WORDS];

static uint32_t mix(uint32_t value)
{
    return value * 1664525u + 1013904223u;
}

static uint32_t fold(uint32_t value)
{
    return value ^ (value >> 16);
}

static uint32_t add_digits(uint32_t value)
{
    uint32_t sum = 0;
    for (; value != 0; value /= 10)
        sum += value % 10;
    return sum;
}

static uint32_t (*const steps[])(uint32_t value) = {mix, fold, add_digits, mix};

static void sort(uint32_t *first, uint32_t *end)
{
    if (end - first < 2)
        return;
    uint32_t pivot = *first, *small = first;
    for (uint32_t *it = first + 1; it < end; it++) {
        if (*it < pivot) {
            uint32_t other = *++small;
            *small = *it;
            *it = other;
        }
    }
    *first = *small;
    *small = pivot;
    sort(first, small);
    sort(small + 1, end);
}

static uint32_t compute(uint32_t rounds)
{
    uint32_t crc = CRC32_INIT, value = 1;
    while (rounds-- != 0) {
        for (size_t i = 0; i < WORDS; i++) {
            value = mix(value + steps[i % 4](value));
            words[i] = value;
        }
        sort(words, words + WORDS);
        for (size_t i = 0; i < WORDS; i++)
            crc = crc32_add(crc, (uint8_t)words[i]);
    }
    return crc32_finish(crc);
}

int main(void)
{
    static char line[LINE_MAX + 1];

    hal_init();
    uart_init();
    print("Hello from compute on " BOARD_NAME "\r\n");
    while (line_read(line, false)) {
        uint32_t rounds = 0;
        for (const char *digit = line; *digit != '\0'; digit++)
            rounds = rounds * 10 + (uint32_t)(*digit - '0');
        print("done ");
        print_hex(compute(rounds));
        print("\r\n");
    }
    return 0;
}
