// RISC-V: the registers of the interrupt controller (PLIC) in use here, as the first hart sees them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PLIC_REG(address) (*(volatile uint32_t *)(address))

#define PLIC_PRIORITY(irq) PLIC_REG(0x0c000000 + 4 * (irq))
#define PLIC_ENABLE(irq)   PLIC_REG(0x0c002000 + 4 * ((irq) / 32))
#define PLIC_THRESHOLD     PLIC_REG(0x0c200000)
#define PLIC_CLAIM         PLIC_REG(0x0c200004) // reading takes the interrupt, writing it back ends it

// Turns an interrupt on or off. While it is off, it stays pending.
static inline void plic_listen(unsigned irq, bool on)
{
    if (on)
        PLIC_ENABLE(irq) |= 1u << (irq % 32);
    else
        PLIC_ENABLE(irq) &= ~(1u << (irq % 32));
}
