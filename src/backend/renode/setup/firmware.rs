//! Loading firmware into the memory of a machine, and the place where its processor starts.

use std::io;
use std::path::Path;

use super::machine::Machine;
use super::vectors::{self, Vectors};
use crate::backend::error::Unsupported;
use crate::backend::renode::context::{KIND, LOADING, of_firmware};
use crate::backend::renode::launch::version::Version;
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::monitor::load::{Load, VectorTable};
use crate::backend::renode::session::{Session, plain};
use crate::backend::{EmulatorError, Image};
use crate::config::LoadCommand;
use crate::firmware::{Contents, Entry, Firmware, Format};

impl Machine {
    /// Returns the commands that load `image` into the memory of this machine, which has number
    /// `number`; `runs` is set if the board runs.
    pub(crate) async fn load(
        &mut self,
        session: &Session,
        number: usize,
        image: &Image,
        version: Option<&Version>,
        runs: bool,
    ) -> Result<Load, EmulatorError> {
        let firmware = &image.firmware;
        self.fits(firmware)?;
        let name = format!("firmware-{number}");
        let staged = firmware.stage(session.directory(), &name);
        let file = staged.map_err(|error| {
            EmulatorError::io(
                KIND,
                "copying the firmware to the private directory",
                io::Error::other(error),
            )
        })?;
        let named = image.load_command.or(self.config.load_command);
        let command = named.unwrap_or(match firmware.format() {
            Format::Elf => LoadCommand::Elf,
            Format::IntelHex => LoadCommand::Hex,
            Format::SRecord => LoadCommand::SRecord,
            Format::Binary => LoadCommand::Binary,
        });
        if let Some(version) = version {
            version.check_command(command)?;
        }
        let address = self.config.load_address;
        let (vectors, entry) = self
            .vectors(session, &file, command, runs)
            .await
            .map_err(|error| error.at(of_firmware(firmware.path())))?;
        Ok(Load {
            command,
            file: plain(&file)?,
            address: address.filter(|_| command == LoadCommand::Binary),
            processor: self.processors.first().map(|it| it.name.clone()),
            vectors,
            entry,
        })
    }

    /// Returns the command that defines the reset of this machine.
    pub(crate) fn on_reset(&self, load: &Load) -> MonitorCommand {
        MonitorCommand::on_reset(&self.config.extra_commands, load)
    }

    /// Checks that `firmware` is built for the board's processor, as far as both are known.
    fn fits(&self, firmware: &Firmware) -> Result<(), EmulatorError> {
        let Some(processor) = self.processors.first() else {
            return Ok(());
        };
        match (firmware.architecture(), processor.architecture) {
            (Some(built_for), Some(expected)) if built_for != expected => {
                let request = Unsupported::Firmware {
                    path: firmware.path().to_owned(),
                    board: self.config.name.clone(),
                    found: built_for,
                    processor: processor.name.to_string(),
                    processor_type: processor.kind.clone(),
                    expected,
                };
                Err(EmulatorError::unsupported(KIND, request))
            }
            _ => Ok(()),
        }
    }

    /// Returns the vector table of the image in `file`, if Renode does not find it by itself, and
    /// the first stack pointer and program counter, if not those of the table.
    async fn vectors(
        &mut self,
        session: &Session,
        file: &Path,
        command: LoadCommand,
        runs: bool,
    ) -> Result<(Option<VectorTable>, Option<Entry>), EmulatorError> {
        let cortex_m = self.processors.first().filter(|it| it.is_cortex_m());
        let (Some(processor), Some(format)) = (cortex_m, command.format()) else {
            return Ok((None, None));
        };
        let (name, address) = (processor.name.clone(), self.config.load_address);
        // The image has been checked before.
        let contents = Contents::read(file, format, address).unwrap_or_default();
        let entry = |table| vectors::entry(&contents, command, table);
        let users = vectors::users(&self.config.extra_commands, &name.to_string());
        if let Some(users) = users {
            return Ok((None, users.and_then(entry)));
        }
        let located = vectors::locate(&contents, command, address);
        if let Vectors::Usual(table) = located {
            return Ok((table, table.and_then(entry)));
        }
        // Before the board runs, the platform or the script may have set the table; afterwards the
        // firmware has.
        if !runs {
            let asked = session
                .run(LOADING, &MonitorCommand::vector_table(&name))
                .await?;
            self.own_vectors = vectors::address(&asked.text).filter(|&it| it != 0);
        }
        let table = match (self.own_vectors, located) {
            (Some(own), _) => Some(VectorTable::At(own)),
            (None, Vectors::Usual(table)) => table,
            (None, Vectors::Found(address)) => Some(VectorTable::At(address)),
            (None, Vectors::Several(places)) => {
                let processor = name.to_string();
                let request = Unsupported::Vectors { processor, places };
                return Err(EmulatorError::unsupported(KIND, request));
            }
        };
        Ok((table, table.and_then(entry)))
    }
}
