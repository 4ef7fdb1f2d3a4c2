// Programs that go wrong in a chosen way: the first byte on the UART is the letter of a situation.
#include "situations.h"
#include "uart.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define CPACR REG(0xe000ed88)
#define CCR REG(0xe000ed14)
#define CCR_DIV_0_TRP (1u << 4)

static void initialise(void)
{
    CPACR |= 0xf << 20; // the FPU
    CCR |= CCR_DIV_0_TRP;
    uart_init();
}

int main(void)
{
    initialise();
    uart_print("ready\r\n");
    char letter = uart_read();
    switch (letter) {
    case 'a': check_voltage(20); break;
    case 'd': sample(); break;
    case 'e': configure(0); break;
    case 'f': sample_scaled(3.5f); break;
    case 'i': start_tick(); break;
    case 'k': delay(1000000000); break;
    case 'l': lock_up(); break;
    case 'n': call_hook(); break;
    case 'p': SystemClock_Config(); break;
    case 'q': count_samples(5); break;
    case 's': return (int)walk(1);
    case 't': run_task(); break;
    case 'u': undefined(); break;
    case 'v': wait_until_ready(); break;
    case 'w': idle(); break;
    case 'y': wait_for_job(&job); break;
    case 'z': average(100, 0); break;
    default: break;
    }
    uart_print("done\r\n");
    for (;;)
        ;
}
