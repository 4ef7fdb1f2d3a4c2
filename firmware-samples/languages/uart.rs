//! USART2 of the STM32F4.

fn register(address: usize) -> *mut u32 {
    address as *mut u32
}

pub fn init() {
    // SAFETY: these registers exist on the STM32F4, and nothing else uses them.
    unsafe {
        register(0x4002_3840).write_volatile(1 << 17);
        register(0x4000_4408).write_volatile(16);
        register(0x4000_440c).write_volatile(1 << 13 | 1 << 3);
    }
}

pub fn print(text: &str) {
    for byte in text.bytes() {
        // SAFETY: as above.
        unsafe {
            while register(0x4000_4400).read_volatile() & 1 << 7 == 0 {}
            register(0x4000_4404).write_volatile(byte.into());
        }
    }
}
