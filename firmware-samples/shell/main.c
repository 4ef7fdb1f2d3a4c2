// shell: greets, then reads and executes commands, one a line, after the prompt "> ".
#include "board.h"
#include "clock.h"
#include "commands.h"
#include "hal.h"
#include "line.h"
#include "print.h"
#include "uart.h"

int main(void)
{
    static char line[LINE_MAX + 1];

    hal_init();
    clock_init();
    uart_init();
    print("Hello from shell on " BOARD_NAME "\r\n");
    for (;;) {
        print("> ");
        if (line_read(line, true))
            command_run(line);
        else
            print("error: line too long\r\n");
    }
}
