//! Starting a Renode and keeping it: its program, environment and logs.

pub(super) mod cache;
pub(super) mod command_line;
pub(super) mod downloads;
pub(super) mod environment;
pub(super) mod exit_reason;
pub(super) mod log_end;
pub(super) mod log_file;
pub(super) mod logs;
pub(super) mod program;
pub(super) mod unpacked_files;
pub(super) mod version;
