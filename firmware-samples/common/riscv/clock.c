// RISC-V: time from the machine timer, without a periodic tick.
//
// The timer counts on for ever, 64 bits wide, and raises its interrupt as long as it is past the time to compare with.
#include "clock.h"

#include <stdbool.h>

#include "board.h"
#include "cpu.h"
#include "handlers.h"

#define CLINT_REG(address) (*(volatile uint32_t *)(address))

#define MTIMECMP_LOW  CLINT_REG(0x02004000)
#define MTIMECMP_HIGH CLINT_REG(0x02004004)
#define MTIME_LOW     CLINT_REG(0x0200bff8)
#define MTIME_HIGH    CLINT_REG(0x0200bffc)
#define NEVER UINT64_MAX

static uint64_t began;
static volatile bool woken;

static uint64_t now(void)
{
    for (;;) {
        uint32_t high = MTIME_HIGH;
        uint32_t low = MTIME_LOW;
        if (high == MTIME_HIGH)
            return (uint64_t)high << 32 | low;
    }
}

// The high half goes out of the way first: no time between the old one and the new one is compared with.
static void wake_at(uint64_t time)
{
    MTIMECMP_HIGH = UINT32_MAX;
    MTIMECMP_LOW = (uint32_t)time;
    MTIMECMP_HIGH = (uint32_t)(time >> 32);
}

void timer_handler(void)
{
    wake_at(NEVER);
    woken = true;
}

void clock_init(void)
{
    wake_at(NEVER);
    began = now();
}

// Divides by hand, in digits of 16 bits: the processor divides 32 bits only.
uint32_t clock_ms(void)
{
    uint64_t ticks = now() - began;
    uint32_t high = (uint32_t)(ticks >> 32), low = (uint32_t)ticks;
    const uint32_t digits[] = {high >> 16, high & 0xffff, low >> 16, low & 0xffff};
    uint32_t ms = 0, rest = 0;
    for (unsigned i = 0; i < sizeof digits / sizeof *digits; i++) {
        rest = rest << 16 | digits[i];
        ms = ms << 16 | rest / BOARD_MTIME_KHZ;
        rest %= BOARD_MTIME_KHZ;
    }
    return ms;
}

void clock_sleep_ms(uint32_t ms)
{
    woken = false;
    wake_at(now() + (uint64_t)ms * BOARD_MTIME_KHZ);
    CPU_SLEEP_UNTIL(woken);
}
