//! What is said of each setting: its default and the reason for it. `deploy/muster.toml` is made of it, and `muster config`
//! shows with it what is in force and where it is from.

use super::{Serve, Settings};
use clap::parser::ValueSource;
use clap::{ArgMatches, Subcommand};
use std::fmt::Write as _;
use std::process::ExitCode;

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Its key in the file; the flag has dashes, the variable is in capitals behind `MUSTER_`.
    pub(crate) key: &'static str,
    /// Its default as TOML; None if it is not set.
    default: Option<&'static str>,
    /// A value as TOML, where the default shows none.
    example: &'static str,
    /// What it is.
    about: &'static str,
    /// Why the default is what it is.
    reason: &'static str,
}

const fn with_default(key: &'static str, default: &'static str, about: &'static str, reason: &'static str) -> Setting {
    Setting { key, default: Some(default), example: default, about, reason }
}

const fn unset(key: &'static str, example: &'static str, about: &'static str, reason: &'static str) -> Setting {
    Setting { key, default: None, example, about, reason }
}

/// Every setting, in the order in which somebody who sets a server up thinks of them.
#[rustfmt::skip]
pub(crate) const SETTINGS: [Setting; 19] = [
    with_default("data_dir", "\"./muster-data\"", "Where data goes: a directory on a local disk that belongs to Muster alone.",
        "it lies beside where you try it out; a service names one of its own, like /var/lib/muster."),
    with_default("listen", "\"127.0.0.1:8080\"", "Where to listen: ADDRESS:PORT, HOST:PORT, :PORT (all addresses) or PORT (this machine alone).",
        "nothing is reachable from other machines until somebody says so."),
    unset("tls_cert", "\"/etc/muster/cert.pem\"", "Certificate chain as PEM, the server's own first. It is read again when it changes.",
        "a server on loopback, or behind a proxy that ends TLS, needs none."),
    unset("tls_key", "\"/etc/muster/key.pem\"", "Private key of the certificate as PEM.",
        "as with tls_cert."),
    with_default("trusted_proxy", "[]", "Networks of proxies whose X-Forwarded-For is believed for allow-lists and lockouts.",
        "a header that everybody can send must not decide whose address counts."),
    with_default("insecure_http", "false", "Allow plain HTTP on a listener that other machines reach.",
        "keys would travel in the clear."),
    unset("manage_listen", "\"127.0.0.1:8081\"", "A listener of its own for the management API and the console.",
        "both are served on listen."),
    unset("metrics_listen", "\"127.0.0.1:9090\"", "A listener of its own for /metrics, which needs no token.",
        "it is served on listen."),
    with_default("allow_host", "[]", "Answer only to these Host names and to local ones.",
        "a server with TLS or a proxy needs no list. With dev on loopback local names alone are answered, since a web page can find that port."),
    with_default("idle_timeout", "\"75s\"", "How long a connection may ask for nothing.",
        "longer than the 60 s that most proxies keep one, so that the proxy ends it first and no request is lost."),
    unset("admin_token_file", "\"/run/secrets/muster-admin-token\"", "A file that holds the admin token.",
        "the token is generated at the first start and kept in DATA_DIR/admin-token."),
    unset("admin_token", "\"at-least-16-characters\"", "The admin token itself; not beside admin_token_file.",
        "a file or a secret store is a better place."),
    unset("read_token", "\"another-16-characters\"", "A token of the management API that may only read.",
        "people who need one get a named token (muster token create)."),
    with_default("log", "\"info\"", "Log filter: error, warn, info, debug, or one like \"info,muster_store=debug\".",
        "a line for each request; probes and /metrics are logged at debug."),
    with_default("dev", "false", "Demo mode: workspace DEMO with a known key, identity resolution on, no rate limits.",
        "everybody knows that key."),
    with_default("accept_loss", "false", "Accept a workspace whose log lost its end in a crash of the machine.",
        "what was acknowledged must not vanish without somebody having looked. Set it for one start."),
    with_default("accept_catalogue", "false", "Accept a catalogue that was lost, or is older than what workspaces keep of it.",
        "settings and keys would go back without a word. Set it for one start."),
    with_default("accept_clock", "false", "Take the clock as it is, though it is behind what is stored, far ahead of it, or jumped.",
        "times are stored for good. Set it for one start."),
    unset("exit_when_poisoned", "true", "End with code 74 when the storage cannot be written until a restart.",
        "it is true under systemd, which starts the server again, else false, so that somebody can look."),
];

/// The name that is written most like this one.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> &'n str {
    let likeness = |known: &&str| strsim::jaro_winkler(known, name);
    known.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}

/// The file with every setting, each left at its default.
pub(crate) fn file() -> String {
    let mut text = "# Settings of `muster serve`, each with its default and why it is that. Uncomment what you change. A flag wins over\n\
                    # an environment variable (MUSTER_DATA_DIR, ...), which wins over this file. `muster config check` reads it,\n\
                    # `muster config show` shows what is in force. Made by `muster config example`.\n"
        .to_owned();
    for Setting { key, default, example, about, reason } in SETTINGS {
        let shown = if default.is_some() { "Why this default:" } else { "Not set by default:" };
        write!(text, "\n# {about}\n# {shown} {reason}\n# {key} = {example}\n")
            .expect("writing to memory does not fail");
    }
    text
}

/// `muster config ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the settings that `serve` would start with: flags, environment and file.
    Check(Box<Serve>),
    /// Print each of those settings with its value and where it is from.
    Show(Box<Serve>),
    /// Print a file with every setting, its default and the reason for it.
    Example,
}

/// Runs `muster config`; `matches` tells which flags and variables were given.
pub(crate) fn run(command: Config, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (serve, is_shown) = match command {
        Config::Check(serve) => (serve, false),
        Config::Show(serve) => (serve, true),
        Config::Example => return crate::say(file().trim_end()).map(|()| ExitCode::SUCCESS),
    };
    let settings = serve.settings()?;
    if is_shown {
        crate::say(render_settings(&settings, matches).trim_end())?;
    }
    settings.check()?;
    if !is_shown {
        let file = settings.file.as_deref().unwrap_or("no file of settings");
        crate::say(&format!("the settings are valid ({file})"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each setting: key, value, and where it is from. Tokens are not shown.
fn render_settings(settings: &Settings, matches: &ArgMatches) -> String {
    let mut text = String::new();
    for Setting { key, .. } in SETTINGS {
        let origin = match matches.value_source(key) {
            Some(ValueSource::CommandLine) => format!("flag --{}", key.replace('_', "-")),
            Some(ValueSource::EnvVariable) => format!("variable MUSTER_{}", key.to_ascii_uppercase()),
            _ if settings.in_file.iter().any(|known| known == key) => {
                format!("file {}", settings.file.as_deref().unwrap_or_default())
            }
            _ => "default".to_owned(),
        };
        writeln!(text, "{key:<20} {:<32} {origin}", value(settings, key)).expect("writing to memory does not fail");
    }
    text
}

fn value(settings: &Settings, key: &str) -> String {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let list = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(",") };
    let secret = |is_set: bool| if is_set { "***" } else { "-" }.to_owned();
    match key {
        "data_dir" => settings.data_dir.display().to_string(),
        "listen" => settings.listen.to_string(),
        "tls_cert" => or_none(settings.tls.as_ref().map(|(certificate, _)| certificate.display().to_string())),
        "tls_key" => or_none(settings.tls.as_ref().map(|(_, key)| key.display().to_string())),
        "trusted_proxy" => list(settings.trusted_proxies.iter().map(ToString::to_string).collect()),
        "insecure_http" => settings.insecure_http.to_string(),
        "manage_listen" => or_none(settings.manage_listen.map(|address| address.to_string())),
        "metrics_listen" => or_none(settings.metrics_listen.map(|address| address.to_string())),
        "allow_host" => list(settings.allow_hosts.clone()),
        "idle_timeout" => format!("{}s", settings.idle_timeout.as_secs()),
        "admin_token_file" => or_none(settings.admin_token_file.as_ref().map(|path| path.display().to_string())),
        "admin_token" => secret(settings.admin_token.is_some() && settings.admin_token_file.is_none()),
        "read_token" => secret(settings.read_token.is_some()),
        "log" => settings.log.clone(),
        "dev" => settings.dev.to_string(),
        "accept_loss" => settings.accept_loss.to_string(),
        "accept_catalogue" => settings.accept_catalogue.to_string(),
        "accept_clock" => settings.accept_clock.to_string(),
        "exit_when_poisoned" => settings.exit_when_poisoned.to_string(),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, FromArgMatches as _, Parser};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: Serve,
    }

    fn read(arguments: &[&str]) -> (Settings, ArgMatches) {
        let matches = Line::command().get_matches_from([&["serve"], arguments].concat());
        (Line::from_arg_matches(&matches).unwrap().serve.settings().unwrap(), matches)
    }

    // Fails when a flag has no row in `SETTINGS`, or a row no flag.
    #[test]
    fn every_flag_of_serve_is_described_and_nothing_else_is() {
        let command = Line::command();
        let named = command.get_arguments().map(|argument| argument.get_id().as_str());
        let mut flags: Vec<&str> = named.filter(|name| !["help", "config"].contains(name)).collect();
        let mut described: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
        flags.sort_unstable();
        described.sort_unstable();
        assert_eq!(described, flags);
    }

    // MUSTER_BLESS=1 writes the file. Fails when it was not written after a change of `SETTINGS`.
    #[test]
    fn the_file_of_all_settings_is_the_one_in_deploy() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/muster.toml");
        if std::env::var_os("MUSTER_BLESS").is_some() {
            std::fs::write(&path, file()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), file());
    }

    // Fails when a default in `SETTINGS` is not that of `Serve::settings`.
    #[test]
    fn the_defaults_that_are_told_are_those_in_force() {
        let text: String =
            SETTINGS.iter().filter_map(|setting| Some(format!("{} = {}\n", setting.key, setting.default?))).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let (told, _) = read(&["--config", file.path().to_str().unwrap()]);
        let (in_force, _) = read(&[]);
        assert_eq!(Settings { file: None, in_file: Vec::new(), ..told }, in_force);
        let all: String = SETTINGS
            .iter()
            .filter(|setting| setting.key != "admin_token_file")
            .map(|setting| format!("{} = {}\n", setting.key, setting.example))
            .collect();
        std::fs::write(file.path(), all).unwrap();
        assert_eq!(read(&["--config", file.path().to_str().unwrap()]).0.in_file.len(), SETTINGS.len() - 1);
    }

    // Fails when `shown` asks the file before the flags, or shows a token.
    #[test]
    fn each_setting_is_shown_with_where_it_is_from() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        std::fs::write(path, "log = \"debug\"\nlisten = \"1\"\nread_token = \"a-token-of-some-length\"\n").unwrap();
        let (settings, matches) = read(&["--config", path, "--listen", "2", "--dev"]);
        let text = render_settings(&settings, &matches);
        let line = |key: &str| {
            let found = text.lines().find(|line| line.split(' ').next() == Some(key)).unwrap_or_default();
            found.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("listen"), "listen 127.0.0.1:2 flag --listen");
        assert_eq!(line("dev"), "dev true flag --dev");
        assert_eq!(line("log"), format!("log debug file {path}"));
        assert_eq!(line("read_token"), format!("read_token *** file {path}"));
        assert_eq!(line("idle_timeout"), "idle_timeout 75s default");
        assert_eq!(text.lines().count(), SETTINGS.len());
    }
}
