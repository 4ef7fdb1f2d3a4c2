// counter: counts its starts in memory that its start-up code leaves as it is, as a boot counter or a crash log does.
#include "board.h"
#include "cpu.h"
#include "hal.h"
#include "print.h"

#define MAGIC 0x5AFEC0DEu

static struct {
    uint32_t magic;
    uint32_t starts;
} kept __attribute__((section(".noinit")));

int main(void)
{
    hal_init();
    // After a loss of power there is anything in memory, but hardly this.
    if (kept.magic != MAGIC) {
        kept.magic = MAGIC;
        kept.starts = 0;
    }
    kept.starts++;
    print("Hello from counter on " BOARD_NAME "\r\nstart ");
    print_dec(kept.starts);
    print("\r\n");
    for (;;)
        cpu_wait_for_interrupt();
}
