// The start of a Cortex-M, as a vendor's template has it.
#include <stdint.h>

extern uint32_t _estack, _sidata, _sdata, _edata, _sbss, _ebss;

int main(void);
void Reset_Handler(void);
void Default_Handler(void);
void HardFault_Handler(void);
void SysTick_Handler(void);

__attribute__((section(".isr_vector"), used)) static const uint32_t vectors[] = {
    (uint32_t)&_estack,
    (uint32_t)Reset_Handler,
    (uint32_t)Default_Handler,   // NMI
    (uint32_t)HardFault_Handler,
    (uint32_t)Default_Handler,   // MemManage
    (uint32_t)Default_Handler,   // BusFault
    (uint32_t)Default_Handler,   // UsageFault
    0, 0, 0, 0,
    (uint32_t)Default_Handler,   // SVCall
    (uint32_t)Default_Handler,   // DebugMonitor
    0,
    (uint32_t)Default_Handler,   // PendSV
    (uint32_t)SysTick_Handler,
};

void Reset_Handler(void)
{
    const uint32_t *from = &_sidata;
    for (uint32_t *to = &_sdata; to < &_edata;)
        *to++ = *from++;
    for (uint32_t *to = &_sbss; to < &_ebss;)
        *to++ = 0;
    main();
    for (;;)
        ;
}

void Default_Handler(void)
{
    for (;;)
        ;
}
