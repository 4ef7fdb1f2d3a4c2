// Each direction has one descriptor, which is its own successor: a frame that comes before the last one has been
// released waits outside.
#include "mac.h"

#include "scs.h"

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC_AHB1ENR REG(0x40023830)
#define RCC_AHB1ENR_ETHMAC (7u << 25) // the MAC, its transmitter and its receiver

#define ETH_MACCR   REG(0x40028000)
#define ETH_MACA0HR REG(0x40028040)
#define ETH_MACA0LR REG(0x40028044)
#define MACCR_RE (1u << 2)
#define MACCR_TE (1u << 3)

#define ETH_DMATPDR  REG(0x40029004)
#define ETH_DMARDLAR REG(0x4002900c)
#define ETH_DMATDLAR REG(0x40029010)
#define ETH_DMASR    REG(0x40029014)
#define ETH_DMAOMR   REG(0x40029018)
#define ETH_DMAIER   REG(0x4002901c)
#define DMASR_TS  (1u << 0)
#define DMASR_TBU (1u << 2)
#define DMASR_RS  (1u << 6)
#define DMASR_NIS (1u << 16)
#define DMAOMR_SR (1u << 1)
#define DMAOMR_ST (1u << 13)
#define ETH_IRQ 61

struct descriptor {
    uint32_t status;
    uint32_t lengths;
    const uint8_t *buffer;
    struct descriptor *next;
};

#define OWNED_BY_DMA (1u << 31)
#define TX_LAST    (1u << 29)
#define TX_FIRST   (1u << 28)
#define TX_CHAINED (1u << 20)
#define RX_CHAINED (1u << 14) // in the lengths
#define RX_LENGTH(status) ((status) >> 16 & 0x3fffu)
#define CHECKSUM 4u

static volatile struct descriptor tx, rx;
static uint8_t received[FRAME_MAX + 2]; // a multiple of four

void mac_init(void)
{
    RCC_AHB1ENR |= RCC_AHB1ENR_ETHMAC;
    tx.next = (struct descriptor *)&tx;
    rx.next = (struct descriptor *)&rx;
    rx.buffer = received;
    rx.lengths = RX_CHAINED | sizeof received;
    rx.status = OWNED_BY_DMA;
    ETH_DMATDLAR = (uint32_t)&tx;
    ETH_DMARDLAR = (uint32_t)&rx;
    ETH_DMAIER = DMASR_NIS | DMASR_RS;
    ETH_MACCR |= MACCR_RE | MACCR_TE;
    ETH_DMAOMR = DMAOMR_SR | DMAOMR_ST;
    ETH_DMASR = DMASR_TS | DMASR_TBU | DMASR_RS | DMASR_NIS; // of before a reset
}

void mac_address(uint8_t address[6])
{
    uint32_t low = ETH_MACA0LR, high = ETH_MACA0HR;
    for (unsigned i = 0; i < 4; i++)
        address[i] = (uint8_t)(low >> 8 * i);
    address[4] = (uint8_t)high;
    address[5] = (uint8_t)(high >> 8);
}

void mac_send(const uint8_t *frame, uint32_t length)
{
    while (tx.status & OWNED_BY_DMA)
        ;
    tx.buffer = frame;
    tx.lengths = length;
    tx.status = OWNED_BY_DMA | TX_LAST | TX_FIRST | TX_CHAINED;
    ETH_DMATPDR = 0;
    while (tx.status & OWNED_BY_DMA)
        ;
}

uint32_t mac_receive(const uint8_t **frame)
{
    if (!(ETH_DMASR & DMASR_RS) || rx.status & OWNED_BY_DMA)
        return 0;
    *frame = received;
    return RX_LENGTH(rx.status) - CHECKSUM;
}

void mac_release(void)
{
    rx.status = OWNED_BY_DMA;
    ETH_DMASR = DMASR_RS | DMASR_NIS;
}

void mac_listen(void)
{
    NVIC_ISER(ETH_IRQ) = NVIC_BIT(ETH_IRQ);
}

void mac_forget_interrupts(void)
{
    if (!(ETH_DMASR & DMASR_RS))
        ETH_DMASR = DMASR_TS | DMASR_TBU | DMASR_NIS;
    NVIC_ICPR(ETH_IRQ) = NVIC_BIT(ETH_IRQ);
}
