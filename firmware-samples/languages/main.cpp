// Prints `ready`, then waits for a sample that never comes: C++, with names that the compiler mangles.
#include <cstdint>

extern "C" {
#include "../faults/uart.h"
}

namespace sensor {

template <typename Value> class Queue {
public:
    static volatile std::uint32_t waits;

    Value take(std::uint32_t limit) const
    {
        waits = waits + limit;
        while (length == 0)
            ;
        return values[0];
    }

private:
    volatile std::uint32_t length = 0;
    Value values[4] = {};
};

template <typename Value> volatile std::uint32_t Queue<Value>::waits = 0;

static Queue<std::int16_t> samples;

[[gnu::noinline]] std::int16_t read_sample(std::uint32_t limit)
{
    return samples.take(limit);
}

} // namespace sensor

extern "C" void SysTick_Handler(void) {}

extern "C" void HardFault_Handler(void)
{
    for (;;)
        ;
}

int main()
{
    uart_init();
    uart_print("ready\r\n");
    return sensor::read_sample(1);
}
