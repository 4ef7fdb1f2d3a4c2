// hello: greets once, then answers every line with "echo: <line>".
#include "board.h"
#include "hal.h"
#include "line.h"
#include "print.h"
#include "uart.h"

int main(void)
{
    static char line[LINE_MAX + 1];

    hal_init();
    uart_init();
    print("Hello from hello on " BOARD_NAME "\r\n");
    for (;;) {
        if (line_read(line, false)) {
            print("echo: ");
            print(line);
            print("\r\n");
        } else {
            print("error: line too long\r\n");
        }
    }
}
