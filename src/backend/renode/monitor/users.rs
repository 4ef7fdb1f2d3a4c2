//! The user's own commands that load an image or set registers.
//!
//! A reset undoes the effect of these commands, so they are repeated after it.

use crate::config::LoadCommand;

/// Returns the user's commands whose effect a reset undoes.
pub(super) fn repeated_after_reset(users: &[String]) -> impl Iterator<Item = &str> {
    let users = users.iter().map(|command| command.trim());
    users.filter(|command| sets_numbers(command) || loads(command))
}

/// Returns true if one of the user's commands loads an image.
pub(crate) fn any_loads(users: &[String]) -> bool {
    users.iter().any(|command| loads(command.trim()))
}

/// Returns true if a command sets registers of the board, in its memory map
/// or by name, and does nothing else: `sysbus WriteDoubleWord 0x40090030 0x0301`,
/// `sysbus.cpu0 VectorTableOffset 0x400000`. A reset undoes that.
pub(crate) fn sets_numbers(command: &str) -> bool {
    let plain = |word: &str, more: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !word.is_empty() && word.chars().all(allowed)
    };
    let is_value = |word: &str| {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit()) && plain(word, "");
        is_number || word == "true" || word == "false"
    };
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    let [object, property, values @ ..] = &words[..] else {
        return false;
    };
    let on_the_bus = *object == "sysbus" || object.starts_with("sysbus.") && plain(object, "._");
    let sets = plain(property, "") && !values.is_empty();
    on_the_bus && sets && values.iter().all(|value| is_value(value))
}

/// Returns true if a command loads an image from a file or a variable and does nothing else:
/// `sysbus LoadELF @firmware.elf`, `sysbus LoadBinary $bin 0x08000000`.
pub(super) fn loads(command: &str) -> bool {
    let loaded = LoadCommand::ALL.into_iter().find_map(|load| {
        let rest = command.strip_prefix(load.as_str())?;
        rest.starts_with(' ').then(|| rest.trim_start())
    });
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.+,=~: \\".contains(c);
    let image = loaded.and_then(|image| image.strip_prefix(['@', '$']));
    image.is_some_and(|image| !image.is_empty() && image.chars().all(plain))
}
