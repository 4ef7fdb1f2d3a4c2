//! [`Recorder`]: the code of a target that has run, from its boot to its end.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, Once, Weak};

use super::error::{CoverageError, NOT_COVERED};
use super::executed::BlockStarts;
use super::lcov::Lines;
use super::programs::{MachineFiles, Programs};
use super::store::{FILE, Store};
use crate::config::CoverageConfig;
use crate::firmware::Firmware;
use crate::notice::notice;
use crate::sync::lock;

/// Records the coverage of a target, which may run several images.
#[derive(Debug)]
pub(crate) struct Recorder {
    config: CoverageConfig,
    machines: Vec<MachineFiles>,
    /// One for each image that was flashed, with the number of its machine.
    recordings: Mutex<Vec<(usize, Arc<Recording>)>>,
    /// What is left out, and why.
    notes: Mutex<BTreeSet<String>>,
    /// The process that made it; a forked child has another number.
    owner: u32,
}

/// The recorders of this process.
static ALL: Mutex<Vec<Weak<Recorder>>> = Mutex::new(Vec::new());

/// Finishes the recorders that are left when the process exits.
extern "C" fn finish_all() {
    let all = std::mem::take(&mut *lock(&ALL));
    for recorder in all.iter().filter_map(Weak::upgrade) {
        if recorder.owner == std::process::id() {
            recorder.finish();
        }
    }
}

/// The code of one image that has run. It is read when an emulator loads the image, so another
/// image at the same address has its own lines.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The files as they were when the image was flashed.
    programs: Programs,
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
    /// Returns the recorder of a target. If the target is never dropped, because it is in a `static`,
    /// the exit of the process finishes the recorder.
    pub(crate) fn new(config: CoverageConfig, machines: Vec<MachineFiles>) -> Arc<Self> {
        let recorder = Arc::new(Self {
            config,
            machines,
            recordings: Mutex::default(),
            notes: Mutex::default(),
            owner: std::process::id(),
        });
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            if !shutdown_hooks::add_shutdown_hook(finish_all) {
                tracing::debug!("the coverage of targets that are not dropped is lost");
            }
        });
        let mut all = lock(&ALL);
        all.retain(|it| it.strong_count() > 0);
        all.push(Arc::downgrade(&recorder));
        recorder
    }

    /// Returns the recorder of a board whose code is left out, which the report says.
    pub(crate) fn of_nothing(machine: &str, why: &CoverageError) -> Arc<Self> {
        let recorder = Self::new(CoverageConfig::default(), Vec::new());
        let why = why.to_string();
        let why = why.strip_prefix("coverage: ").unwrap_or(&why);
        recorder.leave_out(format!("{machine}: {why}"));
        recorder
    }

    fn leave_out(&self, why: String) {
        let text = format!("coverage: {NOT_COVERED}{why}");
        if lock(&self.notes).insert(why) {
            notice(text);
        }
    }

    /// Returns what records an image that machine number `machine` is about to be flashed with, or
    /// without one the code that the machine loads itself; `None` if no line of it is known, which
    /// the report says.
    pub(crate) fn record(
        &self,
        machine: usize,
        firmware: Option<&Firmware>,
    ) -> Option<Arc<Recording>> {
        let files = self.machines.get(machine)?;
        let (programs, left_out) = Programs::find(firmware, files, &self.config);
        for why in left_out {
            self.leave_out(why.to_string());
        }
        if programs.is_empty() {
            return None;
        }
        let mut recordings = lock(&self.recordings);
        let is_same = |known: &&(usize, Arc<Recording>)| {
            known.0 == machine && known.1.programs.are_same(&programs)
        };
        if let Some((_, known)) = recordings.iter().find(is_same) {
            return Some(Arc::clone(known));
        }
        let recording = Arc::new(Recording {
            programs,
            ran: Mutex::default(),
        });
        recordings.push((machine, Arc::clone(&recording)));
        Some(recording)
    }

    /// Adds what has run to the coverage of the run of tests, once.
    ///
    /// A failure is only noticed: it must not fail a test that has passed.
    pub(crate) fn finish(&self) {
        let recordings = std::mem::take(&mut *lock(&self.recordings));
        let notes = std::mem::take(&mut *lock(&self.notes));
        if recordings.is_empty() && notes.is_empty() {
            return;
        }
        let mut lines = Lines::default();
        for (_, recording) in recordings {
            match recording.starts() {
                Ok(starts) => lines.merge(recording.programs.lines(&starts)),
                Err(error) => notice(format_args!("coverage: cannot read what has run: {error}")),
            }
        }
        let store = Store::of_this_run();
        if let Err(error) = store.merge(lines, notes) {
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
