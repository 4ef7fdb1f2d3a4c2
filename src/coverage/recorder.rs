//! [`Recorder`]: the code of a target that has run, from its boot to its end.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use super::error::CoverageError;
use super::executed::BlockStarts;
use super::known;
use super::lcov::Lines;
use super::program::Program;
use super::store::{FILE, Store};
use crate::config::CoverageConfig;
use crate::firmware::{Firmware, Format};
use crate::notice::notice;
use crate::sync::lock;

/// Records the coverage of a target, which may run several images.
#[derive(Debug)]
pub(crate) struct Recorder {
    config: CoverageConfig,
    /// One for each image that was flashed, with the number of its machine.
    recordings: Mutex<Vec<(usize, Arc<Recording>)>>,
}

/// The code of one image that has run. It is read when an emulator loads the image, so another
/// image at the same address has its own lines.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The file as it was when it was flashed.
    program: Arc<Program>,
    ran: Mutex<Ran>,
}

#[derive(Debug, Default)]
struct Ran {
    /// The starts of blocks that earlier emulators have reported.
    starts: BTreeSet<u64>,
    /// Those that the present one reports.
    present: Option<BlockStarts>,
}

impl Recorder {
    pub(crate) fn new(config: CoverageConfig) -> Self {
        Self {
            config,
            recordings: Mutex::default(),
        }
    }

    /// Returns what records an image that machine number `machine` is about to be flashed with.
    ///
    /// # Errors
    /// The image's lines are not known.
    pub(crate) fn record(
        &self,
        machine: usize,
        firmware: &Firmware,
    ) -> Result<Arc<Recording>, CoverageError> {
        let path = firmware.path();
        if firmware.format() != Format::Elf {
            return Err(CoverageError::NotElf {
                path: path.to_owned(),
                format: firmware.format(),
            });
        }
        let program = known::program(path, &self.config)?;
        let mut recordings = lock(&self.recordings);
        let is_same = |known: &&(usize, Arc<Recording>)| {
            known.0 == machine && Arc::ptr_eq(&known.1.program, &program)
        };
        if let Some((_, known)) = recordings.iter().find(is_same) {
            return Ok(Arc::clone(known));
        }
        let recording = Arc::new(Recording {
            program,
            ran: Mutex::default(),
        });
        recordings.push((machine, Arc::clone(&recording)));
        Ok(recording)
    }

    /// Adds what has run to the coverage of the run of tests. The emulators have exited.
    ///
    /// A failure is only noticed: it must not fail a test that has passed.
    pub(crate) fn finish(&self) {
        let mut lines = Lines::default();
        for (_, recording) in lock(&self.recordings).drain(..) {
            match recording.starts() {
                Ok(starts) => lines.merge(recording.program.lines(&starts)),
                Err(error) => notice(format_args!("coverage: cannot read what has run: {error}")),
            }
        }
        if lines.0.is_empty() {
            return;
        }
        let store = Store::of_this_run();
        if let Err(error) = store.merge(lines) {
            let file = store.directory().join(FILE);
            notice(format_args!(
                "coverage: {} is not updated: {error}",
                file.display()
            ));
        }
    }
}

impl Recording {
    /// Begins with the emulator that writes to `starts`; an earlier one does not run any more.
    pub(crate) fn begin(&self, starts: BlockStarts) -> io::Result<()> {
        let earlier = lock(&self.ran).present.replace(starts);
        if let Some(earlier) = earlier {
            let earlier = earlier.read()?;
            lock(&self.ran).starts.extend(earlier);
        }
        Ok(())
    }

    /// Returns all starts of blocks.
    fn starts(&self) -> io::Result<BTreeSet<u64>> {
        let mut ran = lock(&self.ran);
        if let Some(present) = ran.present.take() {
            let present = present.read()?;
            ran.starts.extend(present);
        }
        Ok(std::mem::take(&mut ran.starts))
    }
}
