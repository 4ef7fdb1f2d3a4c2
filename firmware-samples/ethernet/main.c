// ethernet: greets once on the console, sends each line of the console in a frame to all, and prints what comes in frames.
#include "board.h"
#include "cpu.h"
#include "hal.h"
#include "mac.h"
#include "print.h"
#include "scs.h"

#define TYPE 0x88b5u      // for experiments of one's own
#define FRAME_SHORTEST 60u // without the checksum; a shorter one is filled up
#define TEXT_MAX 200u

static uint8_t frame[FRAME_HEADER + TEXT_MAX];
static uint32_t text_length;

static void send_text(void)
{
    for (unsigned i = 0; i < 6; i++)
        frame[i] = 0xff;
    mac_address(&frame[6]);
    frame[12] = (uint8_t)(TYPE >> 8);
    frame[13] = (uint8_t)TYPE;
    uint32_t length = FRAME_HEADER + text_length;
    for (; length < FRAME_SHORTEST; length++)
        frame[length] = 0;
    mac_send(frame, length);
    text_length = 0;
}

static void typed(uint8_t byte)
{
    if (byte == '\r' || byte == '\n') {
        if (text_length > 0)
            send_text();
    } else if (text_length < TEXT_MAX) {
        frame[FRAME_HEADER + text_length++] = byte;
    }
}

static void print_frame(const uint8_t *bytes, uint32_t length)
{
    if (length < FRAME_HEADER || bytes[12] != (uint8_t)(TYPE >> 8) || bytes[13] != (uint8_t)TYPE)
        return;
    print("frame: ");
    for (uint32_t i = FRAME_HEADER; i < length && bytes[i] != 0; i++)
        hal_uart_write(bytes[i]);
    print("\r\n");
}

int main(void)
{
    hal_init();
    mac_init();
    print("Hello from ethernet on " BOARD_NAME "\r\n");
    // No handler runs: an interrupt only ends the sleep.
    cpu_irq_disable();
    hal_uart_listen(true);
    mac_listen();
    for (;;) {
        NVIC_ICPR(BOARD_UART_IRQ) = NVIC_BIT(BOARD_UART_IRQ);
        mac_forget_interrupts();
        int byte;
        while ((byte = hal_uart_read()) >= 0)
            typed((uint8_t)byte);
        const uint8_t *bytes;
        uint32_t length;
        while ((length = mac_receive(&bytes)) > 0) {
            print_frame(bytes, length);
            mac_release();
        }
        cpu_wait_for_interrupt();
    }
}
