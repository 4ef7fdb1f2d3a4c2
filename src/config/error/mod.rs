//! The errors of a configuration, as data, and all their texts. The checks pass only data.
//!
//! A check finds a [`BadValue`] or [`BadFields`], which become an [`Explanation`]: only this module
//! can make one. A [`Problem`] adds the field, and [`ConfigError`] the place in the file.

mod config_error;
mod explanation;
mod fields;
mod kind;
mod place;
mod problem;
mod value;
mod yaml;

pub use config_error::ConfigError;
pub use explanation::Explanation;
pub(super) use fields::{BadFields, Connected};
pub use kind::ConfigErrorKind;
pub(crate) use kind::EnvVariable;
pub use place::FieldPlace;
pub(super) use problem::Problem;
pub(super) use value::{BadValue, BuiltIn};
pub(super) use yaml::BadYaml;
