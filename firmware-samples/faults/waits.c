// Situations in which the program waits for what does not happen.
#include "situations.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC_CR REG(0x40023800)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define SYST_CSR REG(0xe000e010)
#define SYST_RVR REG(0xe000e014)
#define SYST_CVR REG(0xe000e018)

volatile uint32_t ready;
static volatile uint32_t ticks_wanted;
struct job job;

void SystemClock_Config(void)
{
    RCC_CR |= RCC_CR_PLLON;
    while (!(RCC_CR & RCC_CR_PLLRDY))
        ;
}

void wait_until_ready(void)
{
    while (ready == 0)
        ;
}

void wait_for_job(struct job *which)
{
    which->id = 7;
    while (which->finished != 1)
        ;
}

void idle(void)
{
    for (;;)
        __asm__ volatile("wfi");
}

void delay(uint32_t count)
{
    for (volatile uint32_t i = 0; i < count; i++)
        ;
}

void SysTick_Handler(void)
{
    while (ticks_wanted == 0)
        ;
}

void start_tick(void)
{
    SYST_RVR = 1000;
    SYST_CVR = 0;
    SYST_CSR = 7;
    for (;;)
        ;
}

_Noreturn static void Error_Handler(void)
{
    for (;;)
        ;
}

void configure(int handle)
{
    if (handle == 0)
        Error_Handler();
}

__attribute__((noinline)) static _Noreturn void assert_failed(const char *file, int line)
{
    (void)file;
    (void)line;
    for (;;)
        __asm__ volatile("nop");
}

void check_voltage(int volts)
{
    if (volts > 12)
        assert_failed("waits.c", __LINE__);
}
