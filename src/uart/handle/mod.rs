//! [`Uart`]: the handle that tests hold.
//!
//! `uart` has the type; each other file adds the methods of one subject: `reading`, `sending`,
//! `settings`, `output`. Two more are in files of their own outside of this folder:
//! `Uart::lines` and `Uart::into_stream`.

mod output;
mod reading;
mod sending;
mod settings;
mod uart;

pub use uart::Uart;
