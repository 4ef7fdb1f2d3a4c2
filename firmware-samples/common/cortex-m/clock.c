// Cortex-M: time from SysTick, without a periodic tick.
//
// SysTick counts the reference clock, whose speed the processor tells itself: SYST_CALIB.TENMS is the number of its
// ticks in 10 ms. Emulators derive both from the same setting (Renode: systickFrequency in the .repl, 72 MHz on its
// STM32F4; QEMU: HCLK / 8 = 21 MHz on netduinoplus2), so time is right on each without knowing which one runs.
// A real STM32F4 on its 16 MHz reset clock has TENMS fixed at 18750 for a reference of 2 MHz: time runs 7 % fast.
//
// The counter is left to run for its longest period, and shortened only while something sleeps.
#include "clock.h"

#include "cpu.h"
#include "handlers.h"
#include "scs.h"

static uint32_t ticks_per_ms;
static uint32_t longest_ms; // the longest period that fits the counter, in whole milliseconds

static volatile uint32_t periods; // counts completed periods
static uint32_t period;           // length of the current one, in ticks
static uint32_t start_ms;         // time at the start of the current one:
static uint32_t start_ticks;      // milliseconds, and ticks beyond them

static void advance(uint32_t ticks)
{
    start_ticks += ticks;
    start_ms += start_ticks / ticks_per_ms;
    start_ticks %= ticks_per_ms;
}

void systick_handler(void)
{
    advance(period);
    periods++;
}

// Ticks since the start of the period. Interrupts are masked: a period that ended meanwhile is still pending.
static uint32_t elapsed(void)
{
    uint32_t left = SYST_CVR;
    if (ICSR & ICSR_PENDSTSET)
        return 2 * period - 1 - SYST_CVR;
    return period - 1 - left;
}

static void load(uint32_t ms)
{
    period = ms * ticks_per_ms;
    SYST_RVR = period - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ENABLE | SYST_CSR_TICKINT;
    while (SYST_CVR == 0) // the next tick of the reference clock starts the period
        ;
}

// Ends the current period early and starts one of another length. Returns the value of periods during it.
static uint32_t start_period(uint32_t ms)
{
    cpu_irq_disable();
    advance(elapsed());
    load(ms);
    ICSR = ICSR_PENDSTCLR; // if the old period ended just now, elapsed() has counted that
    uint32_t count = periods;
    cpu_irq_enable();
    return count;
}

void clock_init(void)
{
    ticks_per_ms = ((SYST_CALIB & SYST_CALIB_TENMS) + 1) / 10;
    longest_ms = SYST_MAX_PERIOD / ticks_per_ms;
    load(longest_ms);
}

uint32_t clock_ms(void)
{
    cpu_irq_disable();
    uint32_t now = start_ms + (start_ticks + elapsed()) / ticks_per_ms;
    cpu_irq_enable();
    return now;
}

void clock_sleep_ms(uint32_t ms)
{
    while (ms > 0) {
        uint32_t part = ms < longest_ms ? ms : longest_ms;
        uint32_t count = start_period(part);
        CPU_SLEEP_UNTIL(periods != count);
        ms -= part;
    }
    start_period(longest_ms);
}
