// The start of a RISC-V, and its handler of traps.
#include <stdint.h>

extern uint32_t _sbss, _ebss;

int main(void);
_Noreturn void reset_handler(void);
void trap_handler(void);
void timer_handler(void);

__attribute__((used, noinline)) static _Noreturn void start(void)
{
    for (uint32_t *to = &_sbss; to < &_ebss;)
        *to++ = 0;
    __asm__ volatile("csrw mtvec, %0" ::"r"(trap_handler));
    main();
    for (;;)
        ;
}

__attribute__((naked, section(".text.reset_handler"))) _Noreturn void reset_handler(void)
{
    __asm__("la sp, _stack_top\n\tj start");
}

__attribute__((interrupt("machine"), aligned(4))) void trap_handler(void)
{
    uint32_t cause;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == 0x80000007)
        timer_handler();
    for (;;)
        ;
}
