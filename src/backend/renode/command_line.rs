//! How Renode is started: its arguments and its environment.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// No window; the monitor on standard input and output and the log elsewhere, or the
/// monitor on a TCP port and the log on standard output, where it says when that is open.
pub(super) fn arguments(monitor_port: Option<u16>) -> Vec<OsString> {
    match monitor_port {
        None => ["--disable-xwt", "--console", "--hide-log"]
            .map(OsString::from)
            .to_vec(),
        Some(port) => ["--disable-xwt", "--port", &port.to_string()]
            .map(OsString::from)
            .to_vec(),
    }
}

/// What Renode's launcher, Mono and .NET need of the environment of the test.
const KEPT: [&str; 8] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "USER",
    "TZ",
];

const KEPT_PREFIXES: [&str; 6] = ["LC_", "DOTNET_", "COMPlus_", "CORECLR_", "MONO_", "DYLD_"];

/// Proxies, through which Renode fetches the files that a platform names by URL.
const KEPT_SUFFIX: &str = "_proxy";

/// The whole environment. Renode writes its settings and its history without
/// locking, and deletes other programs' `renode-*` from the temporary directory:
/// both are `private`.
pub(super) fn environment(
    private: &Path,
    ours: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> = ours.filter(|(name, _)| kept(name)).collect();
    let set = |name: &str, value: &OsStr| (OsString::from(name), value.to_owned());
    if !env.iter().any(|(name, _)| name == "HOME") {
        env.push(set("HOME", private.as_os_str()));
    }
    env.extend([
        set("XDG_CONFIG_HOME", private.as_os_str()),
        set("TMPDIR", private.as_os_str()),
        set("RENODE_CI_MODE", OsStr::new("YES")),
    ]);
    env
}

fn kept(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    name == "HOME"
        || KEPT.contains(&name)
        || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name.to_ascii_lowercase().ends_with(KEPT_SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment_from(ours: &[(&str, &str)]) -> Vec<(String, String)> {
        let ours = ours.iter().map(|(name, value)| (name.into(), value.into()));
        environment(Path::new("/private"), ours)
            .into_iter()
            .map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap()))
            .collect()
    }

    #[test]
    fn only_what_renode_needs_is_handed_on() {
        let env = environment_from(&[
            ("HOME", "/home/me"),
            ("MONO_PATH", "m"),
            ("LC_ALL", "C"),
            ("https_proxy", "p"),
            ("TMPDIR", "/tmp"),
            ("XDG_CONFIG_HOME", "/home/me/.config"),
            ("RENODE_CI_MODE", "NO"),
            ("SECRET", "s"),
        ]);
        let expected = [
            ("HOME", "/home/me"),
            ("MONO_PATH", "m"),
            ("LC_ALL", "C"),
            ("https_proxy", "p"),
            ("XDG_CONFIG_HOME", "/private"),
            ("TMPDIR", "/private"),
            ("RENODE_CI_MODE", "YES"),
        ];
        assert_eq!(
            env,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
    }

    #[test]
    fn without_a_home_it_gets_the_private_one() {
        assert!(environment_from(&[]).contains(&("HOME".into(), "/private".into())));
    }
}
