//! The environment that Renode is started in.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The variables of the test's environment that Renode's launcher, Mono and .NET need.
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

/// The ending of the names of proxies, through which Renode fetches the files that a platform
/// names by URL.
const KEPT_SUFFIX: &str = "_proxy";

/// Settings of .NET, each only if the user has not set it. Mono reads none of them.
/// Times are from the spawn to the first line of a UART, medians of four, with Renode
/// 1.16.1 on .NET 8.0.31 and two cores: 1.97 s without any of them.
const DOTNET: [(&str, &str); 4] = [
    // Each process would listen on a Unix socket and create two FIFOs in TMPDIR, which remain
    // when the process is killed.
    ("EnableDiagnostics", "0"),
    // Instrumented code gains nothing in the seconds that a test takes: 1.83 s without.
    // (A heap of 64 MiB for new objects and a collector without threads of its own, too,
    // make it 1.76 s, for 50 MB a board: not set.)
    ("TieredPGO", "0"),
    // Without this setting .NET does not start where libicu is missing, as in slim containers.
    // With libicu, numbers would be formatted by the host's language. Renode asks for no
    // culture by its name.
    ("SYSTEM_GLOBALIZATION_INVARIANT", "1"),
    // A script may still ask for a culture by its name.
    ("SYSTEM_GLOBALIZATION_PREDEFINED_CULTURES_ONLY", "0"),
];

/// Mono's settings, if the user has set none. A platform of Renode's own is loaded in 0.15 s instead
/// of 0.18 s, because its parser leaves a lot of short-lived objects.
const MONO: (&str, &str) = ("MONO_GC_PARAMS", "nursery-size=16m");

/// The variable for the directory into which a .NET program that is one file unpacks itself.
pub(crate) const UNPACK_INTO: &str = "DOTNET_BUNDLE_EXTRACT_BASE_DIR";

/// A proxy where nothing listens: each download fails at once.
const NO_PROXY: &str = "http://127.0.0.1:1";

/// The ways to name a proxy that Mono and .NET know.
const PROXIES: [&str; 2] = ["http_proxy", "https_proxy"];

/// The settings of one Renode.
#[derive(Debug, Default)]
pub(crate) struct Decided<'a> {
    /// The directory it unpacks itself into, if it does.
    pub(crate) unpack_into: Option<&'a Path>,
    /// Set if each of its downloads is to fail at once, because all would fail slowly.
    pub(crate) no_downloads: bool,
}

/// Returns the whole environment. Renode writes its settings and its history without
/// locking, and deletes other programs' `renode-*` from the temporary directory:
/// both directories are `private`. (With `RENODE_CI_MODE` it would not keep its downloads.)
pub(crate) fn environment(
    private: &Path,
    ours: impl Iterator<Item = (OsString, OsString)>,
    decided: &Decided<'_>,
) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> = passed_on(ours).collect();
    let set = |name: &str, value: &OsStr| (OsString::from(name), value.to_owned());
    let mut unless_set = |names: &[&str], value: &OsStr| {
        if !env
            .iter()
            .any(|(name, _)| names.iter().any(|it| name == it))
        {
            env.push(set(names[0], value));
        }
    };
    unless_set(&["HOME"], private.as_os_str());
    for (name, value) in DOTNET {
        let names = ["DOTNET_", "COMPlus_"].map(|prefix| format!("{prefix}{name}"));
        unless_set(&names.each_ref().map(String::as_str), OsStr::new(value));
    }
    unless_set(&[MONO.0], OsStr::new(MONO.1));
    if let Some(directory) = decided.unpack_into {
        unless_set(&[UNPACK_INTO], directory.as_os_str());
    }
    if decided.no_downloads {
        for name in PROXIES {
            unless_set(&[name], OsStr::new(NO_PROXY));
        }
    }
    env.extend([
        set("XDG_CONFIG_HOME", private.as_os_str()),
        set("TMPDIR", private.as_os_str()),
    ]);
    env
}

/// Returns the variables of the test's environment that Renode gets.
pub(crate) fn passed_on(
    ours: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    ours.filter(|(name, _)| kept(name))
}

/// Returns true if the user names a proxy.
pub(crate) fn names_a_proxy(ours: impl Iterator<Item = (OsString, OsString)>) -> bool {
    ours.into_iter()
        .any(|(name, value)| name.to_str().is_some_and(is_about_proxies) && !value.is_empty())
}

fn is_about_proxies(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(KEPT_SUFFIX)
}

fn kept(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    name == "HOME"
        || KEPT.contains(&name)
        || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || is_about_proxies(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment_from(ours: &[(&str, &str)], decided: &Decided<'_>) -> Vec<(String, String)> {
        let ours = ours.iter().map(|(name, value)| (name.into(), value.into()));
        environment(Path::new("/private"), ours, decided)
            .into_iter()
            .map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap()))
            .collect()
    }

    /// Returns the value of `name`, which must not be in `env` more than once.
    fn value<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
        let mut values = env.iter().filter(|(it, _)| it == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    #[test]
    fn only_variables_that_renode_needs_are_passed_on() {
        let env = environment_from(
            &[
                ("HOME", "/home/me"),
                ("MONO_PATH", "m"),
                ("LC_ALL", "C"),
                ("https_proxy", "p"),
                ("TMPDIR", "/tmp"),
                ("XDG_CONFIG_HOME", "/home/me/.config"),
                ("RENODE_CI_MODE", "NO"),
                ("SECRET", "s"),
            ],
            &Decided::default(),
        );
        let handed_on = env
            .iter()
            .filter(|(name, _)| !name.starts_with("DOTNET_") && name != MONO.0);
        let handed_on: Vec<_> = handed_on
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let expected = [
            ("HOME", "/home/me"),
            ("MONO_PATH", "m"),
            ("LC_ALL", "C"),
            ("https_proxy", "p"),
            ("XDG_CONFIG_HOME", "/private"),
            ("TMPDIR", "/private"),
        ];
        assert_eq!(handed_on, expected);
    }

    #[test]
    fn without_home_the_private_directory_is_home() {
        let env = environment_from(&[], &Decided::default());
        assert_eq!(value(&env, "HOME"), Some("/private"));
    }

    #[test]
    fn variables_set_by_the_user_are_kept() {
        let decided = Decided {
            unpack_into: Some(Path::new("/cache")),
            no_downloads: true,
        };
        let env = environment_from(&[], &decided);
        assert_eq!(value(&env, "DOTNET_EnableDiagnostics"), Some("0"));
        assert_eq!(value(&env, MONO.0), Some(MONO.1));
        assert_eq!(value(&env, "DOTNET_TieredPGO"), Some("0"));
        let invariant = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT";
        assert_eq!(value(&env, invariant), Some("1"));
        assert_eq!(value(&env, UNPACK_INTO), Some("/cache"));
        assert_eq!(value(&env, "https_proxy"), Some("http://127.0.0.1:1"));

        let set = [
            ("COMPlus_EnableDiagnostics", "1"),
            ("DOTNET_TieredPGO", "1"),
            (invariant, "0"),
            (UNPACK_INTO, "/elsewhere"),
            ("https_proxy", "http://proxy"),
            (MONO.0, "soft-heap-limit=512m"),
        ];
        let env = environment_from(&set, &decided);
        for (name, expected) in set {
            assert_eq!(value(&env, name), Some(expected));
        }
        assert_eq!(value(&env, "DOTNET_EnableDiagnostics"), None);
    }

    #[test]
    fn a_proxy_variable_of_the_user_is_recognised() {
        let named =
            |name: &str, value: &str| names_a_proxy([(name.into(), value.into())].into_iter());
        assert!(named("https_proxy", "p") && named("NO_PROXY", "*"));
        assert!(!named("https_proxy", "") && !named("HOME", "/"));
    }
}
