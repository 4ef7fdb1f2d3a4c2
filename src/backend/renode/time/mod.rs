//! The time of a board in Renode, and input that arrives in step with that time.

pub(super) mod fifos;
pub(super) mod guest_clock;
pub(super) mod input;
pub(super) mod lockstep;

// What both clocks need. Each is a file of its own: to define a class anew would separate it from
// those that derive from it.
const FIFOS: Script = script("fifos.py", include_str!("fifos.py"));
const LINE: Script = script("line.py", include_str!("line.py"));
const LOCK_UP: Script = script("lock_up.py", include_str!("lock_up.py"));

/// A script of ours that runs inside Renode.
pub(super) struct Script {
    /// The name of its file.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

pub(super) const fn script(name: &'static str, text: &'static str) -> Script {
    Script { name, text }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{input, lockstep};

    /// All scripts of a Renode share their names.
    #[test]
    fn no_name_is_defined_in_two_scripts() {
        let events = ("events.py", include_str!("events.py"));
        let scripts = input::SCRIPTS.iter().chain(&lockstep::SCRIPTS);
        let texts: BTreeMap<_, _> = scripts
            .map(|it| (it.name, it.text))
            .chain([events])
            .collect();
        let mut defined = BTreeSet::new();
        for (script, text) in texts {
            for line in text.lines() {
                let name = line.strip_prefix("class ").or(line.strip_prefix("def "));
                if let Some((name, _)) = name.and_then(|name| name.split_once('(')) {
                    assert!(defined.insert(name), "{script}: {name}");
                }
            }
        }
        assert!(defined.contains("Fifos"), "{defined:?}");
    }
}
