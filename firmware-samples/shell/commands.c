// The commands of the shell: the table of them, and finding and calling the one a line names.
#include "commands.h"

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "cpu.h"
#include "hal.h"
#include "print.h"
#include "transfer.h"
#include "uart.h"

static void print_number(const char *before, uint32_t value, const char *after)
{
    print(before);
    print_dec(value);
    print(after);
}

static void ping(void)
{
    print("pong\r\n");
}

static void echo(const char *text)
{
    print(text);
    print("\r\n");
}

static void uptime(void)
{
    print_number("up ", clock_ms(), " ms\r\n");
}

static void sleep(uint32_t ms)
{
    clock_sleep_ms(ms);
    print_number("slept ", ms, " ms\r\n");
}

static void led_on(void)
{
    hal_led(true);
    print("led on\r\n");
}

static void led_off(void)
{
    hal_led(false);
    print("led off\r\n");
}

static void panic(void)
{
    print("panic: requested by the shell\r\n");
    cpu_crash();
}

static void overruns(void)
{
    print_number("overruns ", uart_overruns, "\r\n");
}

static void help(void);

struct command {
    const char *name;
    const char *argument; // its name in the usage, or "" for a command without one
    void (*plain)(void);  // one of these three
    void (*with_number)(uint32_t number);
    void (*with_text)(const char *text);
};

static const struct command commands[] = {
    {"ping", "", .plain = ping},
    {"echo", " TEXT", .with_text = echo},
    {"uptime", "", .plain = uptime},
    {"sleep", " MS", .with_number = sleep},
    {"led on", "", .plain = led_on},
    {"led off", "", .plain = led_off},
    {"flood", " N", .with_number = transfer_flood},
    {"bytes", "", .plain = transfer_bytes},
    {"sink", " N", .with_number = transfer_sink},
    {"source", " N", .with_number = transfer_source},
    {"overruns", "", .plain = overruns},
    {"reset", "", .plain = cpu_reset},
    {"panic", "", .plain = panic},
    {"help", "", .plain = help},
};
static const struct command *const commands_end = commands + sizeof commands / sizeof *commands;

static void print_usage(const struct command *command)
{
    print(command->name);
    print(command->argument);
    print("\r\n");
}

static void help(void)
{
    for (const struct command *command = commands; command < commands_end; command++)
        print_usage(command);
}

// What follows the name in the line: "" at its end, or from the space on; null if the line does not start with the name.
static const char *after_name(const char *line, const char *name)
{
    while (*name) {
        if (*line++ != *name++)
            return 0;
    }
    return *line == '\0' || *line == ' ' ? line : 0;
}

// A decimal number of 32 bits, and nothing else.
static bool parse(const char *text, uint32_t *number)
{
    if (!*text)
        return false;
    *number = 0;
    for (; *text; text++) {
        uint32_t digit = (uint32_t)(*text - '0');
        if (digit > 9 || *number > (UINT32_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static void call(const struct command *command, const char *rest)
{
    uint32_t number;
    const char *text = *rest ? rest + 1 : rest; // without the space after the name
    if (command->with_text) {
        command->with_text(text);
    } else if (command->with_number && parse(text, &number)) {
        command->with_number(number);
    } else if (command->plain && !*rest) {
        command->plain();
    } else {
        print("usage: ");
        print_usage(command);
    }
}

void command_run(const char *line)
{
    if (!*line)
        return;
    for (const struct command *command = commands; command < commands_end; command++) {
        const char *rest = after_name(line, command->name);
        if (rest) {
            call(command, rest);
            return;
        }
    }
    print("unknown command: ");
    print(line);
    print("\r\n");
}
