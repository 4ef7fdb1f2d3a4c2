//! Opens a serial port for one target alone.
//!
//! The `serial2` crate can set any speed on each system, and gives its descriptor without
//! `unsafe`. The lock is an advisory one that terminal programs use too; it is effective also
//! against root.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::termios::{FlushArg, tcflush};
use serial2::{KeepSettings, SerialPort, Settings};

use crate::backend::error::PortFlaw;
use crate::backend::{EmulatorError, EmulatorErrorKind};
use crate::config::BackendKind;

/// The kind of engine of a board with a serial port.
pub(super) const KIND: BackendKind = BackendKind::Serial;

/// The right to use a port. Dropping it unlocks the port, even if its descriptor is still open
/// elsewhere.
pub(super) struct Claim(Flock<OwnedFd>);

impl Drop for Claim {
    /// Discards the bytes that the board has not received yet: a close would wait for them, and
    /// the next target's board would receive them.
    fn drop(&mut self) {
        // An unplugged port has nothing to discard.
        let _ = tcflush(&*self.0, FlushArg::TCOFLUSH);
    }
}

/// Opens and locks the port, and returns its claim and the UART's stream.
pub(super) fn open(path: &Path, baud: u32) -> Result<(Claim, OwnedFd), EmulatorError> {
    let failed = |why| {
        let port = path.to_owned();
        EmulatorError::new(KIND, EmulatorErrorKind::Port { port, why })
    };
    // The settings are changed only once the port is locked.
    let opened =
        SerialPort::open(path, KeepSettings).map_err(|error| failed(PortFlaw::Open(error)))?;
    let locked = Flock::lock(OwnedFd::from(opened), FlockArg::LockExclusiveNonblock);
    let lock = locked.map_err(|(_, errno)| {
        failed(match errno {
            Errno::EWOULDBLOCK => PortFlaw::InUse,
            other => PortFlaw::Lock(other),
        })
    })?;
    let stream = (|| {
        let mut port = SerialPort::from(lock.try_clone()?);
        let mut settings = port.get_configuration()?;
        set_raw(&mut settings, baud)?;
        port.set_configuration(&settings)?;
        Ok(port.into())
    })();
    let stream = stream.map_err(|source| failed(PortFlaw::Settings { baud, source }))?;
    Ok((Claim(lock), stream))
}

/// Sets 8 data bits, no parity, 1 stop bit, no flow control and no translation of bytes.
fn set_raw(settings: &mut Settings, baud: u32) -> io::Result<()> {
    settings.set_raw();
    settings.set_baud_rate(baud)?;
    settings.set_char_size(serial2::CharSize::Bits8);
    settings.set_stop_bits(serial2::StopBits::One);
    settings.set_parity(serial2::Parity::None);
    settings.set_flow_control(serial2::FlowControl::None);
    Ok(())
}
