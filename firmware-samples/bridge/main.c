// bridge: greets once on the console, then passes every byte of the console on to the link and the other way round.
#include "board.h"
#include "cpu.h"
#include "hal.h"
#include "link.h"
#include "print.h"

int main(void)
{
    hal_init();
    link_init();
    print("Hello from bridge on " BOARD_NAME "\r\n");
    // No handler runs: an interrupt only ends the sleep.
    cpu_irq_disable();
    hal_uart_listen(true);
    link_listen();
    for (;;) {
        link_forget_interrupts();
        int typed, received;
        while ((typed = hal_uart_read()) >= 0)
            link_write((uint8_t)typed);
        while ((received = link_read()) >= 0)
            hal_uart_write((uint8_t)received);
        cpu_wait_for_interrupt();
    }
}
