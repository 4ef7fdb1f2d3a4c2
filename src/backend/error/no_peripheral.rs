//! [`NoPeripheral`]: what a test names, and the board does not have.

use std::fmt;

use crate::config::nearest;

/// An LED, a button or a pin that a machine does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoPeripheral {
    /// The path in the test, such as `sysbus.gpioPortD`.
    pub path: String,
    /// What it was to be, such as `an LED`.
    pub wanted: &'static str,
    /// The type of the peripheral at that path, if there is one.
    pub found: Option<String>,
    /// The known path that is meant, perhaps.
    pub similar: Option<String>,
    /// The number of the pin, and the numbers of the pins that there are.
    pub pin: Option<(u32, Vec<u32>)>,
}

impl NoPeripheral {
    /// Compares a path with those of a machine, each with the type of the peripheral there.
    pub(crate) fn of<'a>(
        path: &str,
        wanted: &'static str,
        known: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Self {
        let found = known.clone().find(|(known, _)| *known == path);
        let known: Vec<&str> = known.map(|(path, _)| path).collect();
        Self {
            path: path.to_owned(),
            wanted,
            found: found.map(|(_, kind)| kind.to_owned()),
            similar: nearest(path, &known).map(str::to_owned),
            pin: None,
        }
    }

    /// Says that a port has other pins.
    pub(crate) fn pin(path: &str, wanted: &'static str, pin: u32, known: Vec<u32>) -> Self {
        Self {
            path: path.to_owned(),
            wanted,
            found: None,
            similar: None,
            pin: Some((pin, known)),
        }
    }
}

impl fmt::Display for NoPeripheral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            wanted,
            found,
            similar,
            pin,
        } = self;
        if let Some((pin, known)) = pin {
            write!(f, "`{path}` has no pin {pin}")?;
            return match (known.first(), known.last()) {
                (Some(first), Some(last)) => write!(f, "; its pins are {first} to {last}"),
                _ => Ok(()),
            };
        }
        match (found, similar) {
            (Some(kind), _) => write!(f, "`{path}` is of the type {kind}, and not {wanted}"),
            (None, Some(similar)) => {
                write!(f, "the board has no `{path}`; did you mean `{similar}`?")
            }
            (None, None) => write!(f, "the board has no `{path}`; its platform names {wanted}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_compared_with_those_of_the_board() {
        let known = [
            ("sysbus", "SystemBus"),
            ("sysbus.gpioPortD", "STM32_GPIOPort"),
            ("sysbus.gpioPortD.UserLED", "LED"),
        ];
        let said = |path, wanted| NoPeripheral::of(path, wanted, known.iter().copied()).to_string();
        assert_eq!(
            said("sysbus.gpioPortD", "an LED"),
            "`sysbus.gpioPortD` is of the type STM32_GPIOPort, and not an LED"
        );
        assert_eq!(
            said("sysbus.gpioportd", "a GPIO port"),
            "the board has no `sysbus.gpioportd`; did you mean `sysbus.gpioPortD`?"
        );
        let pin = NoPeripheral::pin("sysbus.gpioPortD", "a GPIO port", 16, (0..16).collect());
        let expected = "`sysbus.gpioPortD` has no pin 16; its pins are 0 to 15";
        assert_eq!(pin.to_string(), expected);
    }
}
