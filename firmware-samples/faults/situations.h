// What can go wrong, each by its letter in main.
#pragma once

#include <stdint.h>

struct job {
    uint32_t id;
    volatile uint8_t finished;
};

extern struct job job;
extern volatile uint32_t ready;

void check_voltage(int volts);
void sample(void);
void sample_scaled(float scale);
void configure(int handle);
void start_tick(void);
void delay(uint32_t count);
void lock_up(void);
void call_hook(void);
void SystemClock_Config(void);
void count_samples(int count);
uint32_t walk(uint32_t depth);
void run_task(void);
void undefined(void);
void wait_until_ready(void);
void wait_for_job(struct job *which);
void idle(void);
int average(int sum, int count);
