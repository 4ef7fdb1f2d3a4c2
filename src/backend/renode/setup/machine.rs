//! One of the board's machines: its platform, its processors, its firmware.

use std::io;
use std::path::Path;

use super::cpu::Processor;
use super::prepared_board::KnownMachine;
use super::{platform, script};
use crate::backend::EmulatorError;
use crate::backend::renode::context::{KIND, SETTING_UP, in_field};
use crate::backend::renode::monitor::command::MonitorCommand;
use crate::backend::renode::monitor::load::Load;
use crate::backend::renode::monitor::plain::Name;
use crate::backend::renode::monitor::users::any_loads;
use crate::backend::renode::session::{Session, plain};
use crate::config::{LoadCommand, MachineConfig, Platform, TargetConfig};
use crate::uart::Ports;

/// One of the board's machines.
pub(crate) struct Machine {
    pub(crate) config: MachineConfig,
    pub(crate) ports: Ports,
    /// The processors, known once the board is set up. The first one runs the firmware.
    pub(crate) processors: Vec<Processor>,
    /// Set if its `reset` macro loads firmware of the harness.
    pub(crate) is_flashed: bool,
    /// The memories that a loss of power clears.
    pub(crate) volatile: Vec<Name>,
    /// The vector table of its platform or script, once it has been read.
    pub(crate) own_vectors: Option<u64>,
}

impl Machine {
    /// Returns a machine that Renode has not made yet.
    pub(crate) fn new(config: MachineConfig, ports: Ports) -> Self {
        Self {
            config,
            ports,
            processors: Vec::new(),
            is_flashed: false,
            volatile: Vec::new(),
            own_vectors: None,
        }
    }

    /// Returns what Renode has told of the machine.
    pub(crate) fn known(&self) -> KnownMachine {
        KnownMachine {
            name: self.config.name.clone(),
            processors: self.processors.clone(),
            volatile: self.volatile.clone(),
        }
    }

    /// Sets what Renode has told of the machine.
    pub(crate) fn set_known(&mut self, known: KnownMachine) {
        self.config.name = known.name;
        self.processors = known.processors;
        self.volatile = known.volatile;
    }

    /// Returns true if the machine has nothing to run without firmware of the harness.
    pub(crate) fn is_bare(&self) -> bool {
        !self.is_scripted() && !any_loads(&self.config.extra_commands)
    }

    /// Returns true if a script of the user makes the machine.
    pub(crate) fn is_scripted(&self) -> bool {
        matches!(self.config.renode.platform, Platform::Script(_))
    }

    /// Returns true if the machine has nothing to run after `load`, which may load only the
    /// symbols of an ELF file.
    pub(crate) fn runs_nothing(&self, load: &Load) -> bool {
        load.command == LoadCommand::SymbolsFrom && self.is_bare()
    }

    /// Makes the machine, without its UARTs, and selects it.
    pub(crate) async fn make(
        &mut self,
        session: &Session,
        config: &TargetConfig,
    ) -> Result<(), EmulatorError> {
        if let Platform::Script(script) = &self.config.renode.platform {
            let made = script::run(script, session).await?;
            self.config.name = made.to_string();
        }
        let Some([create, load]) = self.creation(session.directory())? else {
            return self.add_fragments(session, config).await;
        };
        session.run(SETTING_UP, &create).await?;
        let loaded = session.run(SETTING_UP, &load).await;
        let loaded = match (loaded, &self.config.renode.platform) {
            (Err(error), Platform::BuiltIn(name)) => {
                Err(platform::none_of_the_projects(name, error, session).await)
            }
            (loaded, _) => loaded,
        };
        let field = config.field_of(&self.config.name, "platform");
        loaded.map_err(in_field(config, &field))?;
        self.add_fragments(session, config).await
    }

    /// Returns the commands that make the machine from a description; none if a script makes it.
    /// What they load is staged in `directory`.
    pub(crate) fn creation(
        &self,
        directory: &Path,
    ) -> Result<Option<[MonitorCommand; 2]>, EmulatorError> {
        let load = match &self.config.renode.platform {
            Platform::Script(_) => return Ok(None),
            Platform::BuiltIn(name) => MonitorCommand::load_built_in_platform(name)?,
            Platform::File(file) => {
                let staged = platform::stage(file, directory).map_err(handing)?;
                MonitorCommand::load_platform(&plain(&staged)?)
            }
        };
        let create = MonitorCommand::create_machine(&Name::machine(&self.config.name)?);
        Ok(Some([create, load]))
    }

    async fn add_fragments(
        &self,
        session: &Session,
        config: &TargetConfig,
    ) -> Result<(), EmulatorError> {
        for (index, fragment) in self.config.renode.fragments.iter().enumerate() {
            let field = format!("platform_fragments[{index}]");
            let place = in_field(config, &field);
            let staged = platform::stage_fragment(fragment, index, session.directory());
            let staged = staged.map_err(handing).map_err(&place)?;
            let load = MonitorCommand::load_platform(&plain(&staged)?);
            session.run(SETTING_UP, &load).await.map_err(&place)?;
        }
        Ok(())
    }
}

fn handing(source: io::Error) -> EmulatorError {
    EmulatorError::io(KIND, "handing the platform to Renode", source)
}
