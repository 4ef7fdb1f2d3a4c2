// Programs for RISC-V that go wrong in a chosen way: the first byte on the UART is the letter of a
// situation. The letters are those of the Cortex-M's where the situation is the same.
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

#define UART0_TXDATA REG(0x10013000)
#define UART0_RXDATA REG(0x10013004)
#define UART0_TXCTRL REG(0x10013008)
#define UART0_RXCTRL REG(0x1001300c)
#define GPIO_IOF_EN REG(0x10012038)
#define GPIO_INPUT_VAL REG(0x10012000)
#define MTIMECMP_LOW REG(0x02004000)
#define MTIMECMP_HIGH REG(0x02004004)
#define SENSOR 0x60000000 // nothing is there

struct job {
    uint32_t id;
    volatile uint8_t finished;
};

void timer_handler(void);

static struct job job;
static volatile uint32_t last, ready, ticks_wanted;
static void (*volatile hook)(void);

static void uart_init(void)
{
    GPIO_IOF_EN |= 3u << 16;
    UART0_TXCTRL = 1;
    UART0_RXCTRL = 1;
}

static void uart_print(const char *text)
{
    for (; *text; text++) {
        while (UART0_TXDATA & 1u << 31)
            ;
        UART0_TXDATA = (uint8_t)*text;
    }
}

static char uart_read(void)
{
    for (;;) {
        uint32_t data = UART0_RXDATA;
        if (!(data & 1u << 31))
            return (char)data;
    }
}

static inline uint32_t read_register(uint32_t number)
{
    return REG(SENSOR + 4 * number);
}

__attribute__((noinline)) static uint32_t read_sensor(uint32_t number)
{
    uint32_t value = read_register(number);
    return value + 1;
}

__attribute__((noinline)) static void sample(void)
{
    last = read_sensor(4);
}

__attribute__((noinline)) static void undefined(void)
{
    __asm__ volatile("unimp");
}

__attribute__((noinline)) static void stop_here(void)
{
    __asm__ volatile(".option push\n\t.option norvc\n\tebreak\n\t.option pop");
}

__attribute__((noinline)) static void call_hook(void)
{
    hook();
    last = 1;
}

__attribute__((noinline)) static uint32_t walk(uint32_t depth)
{
    volatile uint32_t level[16];
    level[0] = depth;
    return walk(depth + 1) + level[0];
}

__attribute__((noinline)) static _Noreturn void assert_failed(const char *file, int line)
{
    (void)file;
    (void)line;
    for (;;)
        __asm__ volatile("nop");
}

__attribute__((noinline)) static void check_voltage(int volts)
{
    if (volts > 12)
        assert_failed("main.c", __LINE__);
}

__attribute__((noinline)) static void wait_for_pin(void)
{
    while (!(GPIO_INPUT_VAL & 1u << 5))
        ;
}

__attribute__((noinline)) static void wait_until_ready(void)
{
    while (ready == 0)
        ;
}

__attribute__((noinline)) static void wait_for_job(struct job *which)
{
    which->id = 7;
    while (which->finished != 1)
        ;
}

__attribute__((noinline)) static void idle(void)
{
    for (;;)
        __asm__ volatile("wfi");
}

void timer_handler(void)
{
    while (ticks_wanted == 0)
        ;
}

__attribute__((noinline)) static void start_tick(void)
{
    MTIMECMP_HIGH = 0;
    MTIMECMP_LOW = 0;
    __asm__ volatile("csrw mie, %0\n\tcsrsi mstatus, 8" ::"r"(1u << 7));
    for (;;)
        ;
}

int main(void)
{
    uart_init();
    uart_print("ready\r\n");
    switch (uart_read()) {
    case 'a': check_voltage(20); break;
    case 'b': stop_here(); break;
    case 'd': sample(); break;
    case 'i': start_tick(); break;
    case 'n': call_hook(); break;
    case 'p': wait_for_pin(); break;
    case 's': return (int)walk(1);
    case 'u': undefined(); break;
    case 'v': wait_until_ready(); break;
    case 'w': idle(); break;
    case 'y': wait_for_job(&job); break;
    default: break;
    }
    uart_print("done\r\n");
    for (;;)
        ;
}
