//! The figures of leftovers, and the table from which they are computed.

use std::time::Duration;

use expect_bench::Figures;
use virtual_target::config::BackendKind;

use crate::emulator_variant::EmulatorVariant;
use crate::endings::{self, ENDINGS, Ending, Way};
use crate::{faults, load, shell_on};

/// The measured table of endings for some variants.
pub struct Table {
    /// Each ending, with its time or its error for each variant.
    pub rows: Vec<(Ending, Vec<Result<Duration, String>>)>,
}

impl Table {
    /// Runs all endings, and calls `seen` with each row.
    pub fn of(
        variants: &[EmulatorVariant],
        seen: impl Fn(&Ending, &[Result<Duration, String>]),
    ) -> Self {
        let row = |ending: Ending| {
            let cells = variants
                .iter()
                .map(|variant| endings::run(*variant, ending));
            let cells: Vec<_> = cells.collect();
            seen(&ending, &cells);
            (ending, cells)
        };
        Self {
            rows: ENDINGS.into_iter().map(row).collect(),
        }
    }

    /// Returns the number of failed cells.
    pub fn failed(&self) -> usize {
        let cells = self.rows.iter().flat_map(|(_, cells)| cells);
        cells.filter(|cell| cell.is_err()).count()
    }

    /// Returns the longest time that anything was left after a signal, `kill -9` included.
    pub fn killed(&self) -> Duration {
        let kills = self
            .rows
            .iter()
            .filter(|(ending, _)| !matches!(ending.way, Way::Itself(_)));
        let times = kills.flat_map(|(_, cells)| cells).flatten();
        times.copied().max().unwrap_or_default()
    }
}

/// Returns the installed engines.
pub fn installed_engines() -> Vec<EmulatorVariant> {
    let engines = [
        (EmulatorVariant::Qemu, BackendKind::Qemu),
        (EmulatorVariant::Renode, BackendKind::Renode),
    ];
    let there = engines
        .into_iter()
        .filter(|(_, kind)| shell_on(*kind).build().is_ok());
    there.map(|(variant, _)| variant).collect()
}

/// Adds the results to the figures; without QEMU, the figures that need QEMU are `null`.
pub fn figures(figures: &mut Figures, table: &Table, cells: usize, failed: usize) {
    let key = |name: &str| format!("lifecycle.{name}");
    let killed_ms = table.killed().as_millis() as u64;
    figures.set(&key("kill9_gone_ms_max"), killed_ms);
    figures.set(&key("endings_failed"), table.failed());
    figures.set(&key("fault_cells"), cells);
    figures.set(&key("fault_cells_failed"), failed);
    match load::cycles(BackendKind::Qemu, 100) {
        Ok(cycles) => {
            let drop_ms = cycles.drops[cycles.count / 2].as_secs_f64() * 1e3;
            figures.set(&key("cycles"), cycles.count);
            figures.set(&key("leaked_processes"), cycles.processes);
            figures.set(&key("leaked_fds"), cycles.descriptors);
            figures.set(&key("leaked_paths"), cycles.paths);
            figures.set(&key("drop_ms_p50"), drop_ms);
            figures.set(&key("listening_sockets"), cycles.listening);
        }
        Err(error) => {
            for name in [
                "cycles",
                "leaked_processes",
                "leaked_fds",
                "leaked_paths",
                "drop_ms_p50",
                "listening_sockets",
            ] {
                figures.missing(&key(name), &error);
            }
        }
    }
}

/// Measures the figures without the table: on QEMU where it is installed, and on the stand-in.
pub fn measure(into: &mut Figures) {
    let mut variants = installed_engines();
    variants.retain(|variant| *variant != EmulatorVariant::Renode);
    variants.push(crate::emulator_variant::FAKES[0]);
    let table = Table::of(&variants, |_, _| ());
    let cells = faults::cells();
    figures(into, &table, cells.len(), faults::failed(&cells).len());
}
