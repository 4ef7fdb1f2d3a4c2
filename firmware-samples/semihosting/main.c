// semihosting: prints by each semihosting call for text, then answers the bytes of the console in the same way.
#include "board.h"
#include "hal.h"
#include "print.h"

#include <stdint.h>

enum {
    SYS_OPEN = 0x01,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_EXIT = 0x18,
};

#define OPEN_FOR_WRITING 4u
#define APPLICATION_EXIT 0x20026u
#define RUN_TIME_ERROR   0x20023u

static uint32_t call(uint32_t operation, uintptr_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void write_text(const char *text)
{
    call(SYS_WRITE0, (uintptr_t)text);
}

static void write_character(char character)
{
    call(SYS_WRITEC, (uintptr_t)&character);
}

// As the standard library of C does it: ":tt" is the debugger's terminal.
static void write_to_terminal(const char *text, uint32_t length)
{
    static const char name[] = ":tt";
    const uint32_t open[] = { (uintptr_t)name, OPEN_FOR_WRITING, sizeof name - 1 };
    const uint32_t write[] = { call(SYS_OPEN, (uintptr_t)open), (uintptr_t)text, length };
    call(SYS_WRITE, (uintptr_t)write);
}

int main(void)
{
    hal_init();
    print("Hello from semihosting on " BOARD_NAME "\r\n");
    write_text("by WRITE0\n");
    write_to_terminal("by WRITE\n", 9);
    write_character('c');
    write_character('\n');
    for (;;) {
        int byte = hal_uart_read();
        if (byte < 0)
            continue;
        if (byte == 'q' || byte == 'f') {
            write_to_terminal("exits\n", 6);
            call(SYS_EXIT, byte == 'q' ? APPLICATION_EXIT : RUN_TIME_ERROR);
        }
        write_text("got ");
        write_character((char)byte);
        write_character('\n');
    }
}
