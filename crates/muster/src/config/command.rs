//! `muster config`: checks the settings, shows each with its value and origin, or prints a file with all of them.

use super::descriptions::{SETTINGS, Setting};
use super::{Serve, ServeSettings};
use crate::output::say;
use clap::parser::ValueSource;
use clap::{ArgMatches, Subcommand};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Returns the file with every setting, each commented out at its default.
fn file() -> String {
    let mut text = "# Settings of `muster serve`, each with its default and the reason for it. Uncomment what you change. A flag wins over\n\
                    # an environment variable (MUSTER_DATA_DIR, ...), which wins over this file. `muster config check` reads it,\n\
                    # `muster config show` shows the settings in force. Written by `muster config example`.\n"
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
    /// Print each of those settings with its value and where it comes from.
    Show(Box<Serve>),
    /// Print a file with every setting, its default and the reason for it.
    Example,
}

/// Runs `muster config`; `matches` tells which flags and variables were given.
pub(crate) fn run(command: Config, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (serve, is_shown) = match command {
        Config::Check(serve) => (serve, false),
        Config::Show(serve) => (serve, true),
        Config::Example => return say(file().trim_end()).map(|()| ExitCode::SUCCESS),
    };
    let settings = serve.settings()?;
    if is_shown {
        say(render_settings(&settings, matches).trim_end())?;
    }
    settings.check()?;
    if !is_shown {
        let file = settings.file.as_deref().unwrap_or("no settings file");
        say(&format!("the settings are valid ({file})"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns a line for each setting: key, value and origin. Tokens are masked.
fn render_settings(settings: &ServeSettings, matches: &ArgMatches) -> String {
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

fn value(settings: &ServeSettings, key: &str) -> String {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let list = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(",") };
    let secret = |is_set: bool| if is_set { "***" } else { "-" }.to_owned();
    match key {
        "data_dir" => settings.data_dir.display().to_string(),
        "database_url" => or_none(settings.database.as_ref().map(ToString::to_string)),
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

    fn read(arguments: &[&str]) -> (ServeSettings, ArgMatches) {
        let matches = Line::command().get_matches_from([&["serve"], arguments].concat());
        (Line::from_arg_matches(&matches).unwrap().serve.settings().unwrap(), matches)
    }

    // Fails when a flag has no row in `SETTINGS`, or a row no flag.
    #[test]
    fn every_flag_of_serve_is_described_and_nothing_else_is() {
        let command = Line::command();
        let named = command.get_arguments().map(|argument| argument.get_id().as_str());
        let mut flags: Vec<&str> = named.filter(|name| !["help", "config"].contains(name)).collect();
        let mut in_table: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
        flags.sort_unstable();
        in_table.sort_unstable();
        assert_eq!(in_table, flags);
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
        assert_eq!(ServeSettings { file: None, in_file: Vec::new(), ..told }, in_force);
        let all: String = SETTINGS
            .iter()
            .filter(|setting| setting.key != "admin_token_file")
            .map(|setting| format!("{} = {}\n", setting.key, setting.example))
            .collect();
        std::fs::write(file.path(), all).unwrap();
        assert_eq!(read(&["--config", file.path().to_str().unwrap()]).0.in_file.len(), SETTINGS.len() - 1);
    }

    // Fails when `render_settings` asks the file before the flags, or shows a token.
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
