//! The monitor: Renode's command line, over its standard streams or TCP.

pub(super) mod client;
pub(super) mod command;
pub(super) mod console_parser;
pub(super) mod load;
pub(super) mod output_filter;
pub(super) mod plain;
pub(super) mod protocol;
pub(super) mod tcp;
pub(super) mod telnet;
pub(super) mod transport;
pub(super) mod unanswered;
pub(super) mod users;
