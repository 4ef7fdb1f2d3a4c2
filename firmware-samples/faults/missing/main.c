// A program that uses what the emulated chip does not have: the first byte on the UART is the
// letter of a situation.
#include <stdint.h>

#include "../uart.h"

#define REG(address) (*(volatile uint32_t *)(address))

// Reserved in the STM32F4's map, and in no emulator's.
#define SENSOR_STATUS REG(0x40030000)
#define SENSOR_READY (1u << 1)
#define SENSOR_VALUE REG(0x40030004)

#define VTOR REG(0xe000ed08)

static volatile uint32_t last;
static uint32_t vectors[16] __attribute__((aligned(128)));

void HardFault_Handler(void);
void SysTick_Handler(void);

__attribute__((noinline)) static uint32_t read_sensor(void)
{
    return SENSOR_VALUE;
}

__attribute__((noinline)) static void sample(void)
{
    last = read_sensor() + 1;
}

__attribute__((noinline)) static void wait_for_sensor(void)
{
    while (!(SENSOR_STATUS & SENSOR_READY))
        ;
}

// All faults have one handler, which has a fault itself.
__attribute__((noinline)) static void lock_up(void)
{
    for (int number = 3; number < 7; number++)
        vectors[number] = (uint32_t)HardFault_Handler;
    VTOR = (uint32_t)vectors;
    last = 0xdead;
    __asm__ volatile("udf #0");
}

void HardFault_Handler(void)
{
    if (last == 0xdead)
        __asm__ volatile("udf #1");
    for (;;)
        ;
}

void SysTick_Handler(void) {}

int main(void)
{
    uart_init();
    uart_print("ready\r\n");
    switch (uart_read()) {
    case 'd': sample(); break;
    case 'l': lock_up(); break;
    case 'm': wait_for_sensor(); break;
    default: break;
    }
    uart_print("done\r\n");
    for (;;)
        ;
}
