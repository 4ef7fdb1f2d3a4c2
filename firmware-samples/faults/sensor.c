// Situations in which the processor takes an exception.
#include "situations.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define SENSOR 0x60000000 // nothing is there
#define SHCSR REG(0xe000ed24)

static volatile uint32_t last;
static uint32_t task_stack[64];

static inline uint32_t read_register(uint32_t number)
{
    return REG(SENSOR + 4 * number);
}

__attribute__((noinline)) static uint32_t read_sensor(uint32_t number)
{
    uint32_t value = read_register(number);
    return value + 1;
}

void sample(void)
{
    last = read_sensor(4);
}

void sample_scaled(float scale)
{
    volatile float scaled = scale * 2.0f; // makes the floating-point context active
    last = read_sensor((uint32_t)scaled);
}

void count_samples(int count)
{
    for (int i = 0; i < count; i++)
        if (i == 3)
            REG(SENSOR + 0x100) = (uint32_t)i;
}

void undefined(void)
{
    __asm__ volatile("udf #0");
}

void (*hook)(void);

void call_hook(void)
{
    hook();
    last = 1;
}

int average(int sum, int count)
{
    return sum / count;
}

uint32_t walk(uint32_t depth)
{
    volatile uint32_t level[16];
    level[0] = depth;
    return walk(depth + 1) + level[0];
}

__attribute__((noinline)) static void task(void)
{
    sample();
    for (;;)
        ;
}

// Runs a task on the process stack, as an operating system does.
void run_task(void)
{
    uint32_t top = (uint32_t)&task_stack[64];
    __asm__ volatile("msr psp, %0\n\tmrs r0, control\n\torr r0, #2\n\tmsr control, r0\n\tisb" ::"r"(top) : "r0", "memory");
    task();
}

// A fault in the fault handler.
void lock_up(void)
{
    last = 0xdead;
    sample();
}

void HardFault_Handler(void)
{
    if (last == 0xdead)
        last = REG(SENSOR);
    for (;;)
        ;
}
