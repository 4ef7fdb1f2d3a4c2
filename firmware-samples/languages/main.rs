//! Prints `ready`, then panics in a function that `main` calls: Rust, with names that the compiler
//! mangles.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

mod uart;

mod sensor {
    use super::*;

    pub static READINGS: AtomicU32 = AtomicU32::new(0);
    static CALIBRATION: [u16; 4] = [10, 20, 30, 40];

    /// Returns the value of a channel, of which there are four.
    #[inline(never)]
    pub fn calibrated(channel: usize) -> u16 {
        READINGS.fetch_add(1, Ordering::Relaxed);
        CALIBRATION[channel]
    }
}

extern "C" fn reset() -> ! {
    uart::init();
    uart::print("ready\r\n");
    let channel = 3 + sensor::READINGS.load(Ordering::Relaxed) as usize;
    let sum = sensor::calibrated(channel) + sensor::calibrated(channel + 1);
    uart::print(if sum > 70 { "hot\r\n" } else { "cold\r\n" });
    loop {}
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {}
}

unsafe extern "C" {
    fn _estack();
}

/// The first entries of the vector table.
#[repr(C)]
pub struct Vectors(unsafe extern "C" fn(), extern "C" fn() -> !);

#[unsafe(link_section = ".isr_vector")]
#[used]
static VECTORS: Vectors = Vectors(_estack, reset);
