// Cortex-M: the registers of the System Control Space in use here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SCS_REG(address) (*(volatile uint32_t *)(address))

#define SYST_CSR   SCS_REG(0xe000e010) // SysTick control
#define SYST_RVR   SCS_REG(0xe000e014) // reload value
#define SYST_CVR   SCS_REG(0xe000e018) // current value; any write restarts the period
#define SYST_CALIB SCS_REG(0xe000e01c)
#define SYST_CSR_ENABLE      (1u << 0)
#define SYST_CSR_TICKINT     (1u << 1)
#define SYST_CALIB_TENMS     0x00ffffffu
#define SYST_MAX_PERIOD      0x01000000u

#define NVIC_ISER(irq) SCS_REG(0xe000e100 + 4 * ((irq) / 32)) // set enable
#define NVIC_ICER(irq) SCS_REG(0xe000e180 + 4 * ((irq) / 32)) // clear enable
#define NVIC_ICPR(irq) SCS_REG(0xe000e280 + 4 * ((irq) / 32)) // clear pending
#define NVIC_BIT(irq)  (1u << ((irq) % 32))

#define ICSR  SCS_REG(0xe000ed04)
#define ICSR_PENDSTSET (1u << 26) // SysTick is pending
#define ICSR_PENDSTCLR (1u << 25)
#define VTOR  SCS_REG(0xe000ed08) // address of the vector table
#define AIRCR SCS_REG(0xe000ed0c)
#define AIRCR_SYSRESETREQ 0x05fa0004u // with the key that a write needs

// Turns an interrupt on or off. While it is off, it stays pending.
static inline void nvic_listen(unsigned irq, bool on)
{
    if (on)
        NVIC_ISER(irq) = NVIC_BIT(irq);
    else
        NVIC_ICER(irq) = NVIC_BIT(irq);
}
