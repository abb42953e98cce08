//! Settings of `serve`: a flag, else an environment variable, else a key of the file, else the default. Owned here: the
//! flags and the settings that result. `file` reads the file, `forms` parses values, `descriptions` describes each setting,
//! `command` is `muster config`, and `unknown` finds misspelled variables.

pub(crate) mod command;
mod descriptions;
mod file;
pub(crate) mod forms;
pub(crate) mod unknown;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use file::File;
use forms::{boolean, idle_timeout, listener, network};
use ipnet::IpNet;
use muster_server::app::{DatabaseAddress, SettingSource, TokenPlace};
use muster_server::limits::IDLE_TIMEOUT;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The default data directory.
pub(crate) const DATA_DIR: &str = "./muster-data";
/// The default listener.
pub(crate) const LISTEN: &str = "127.0.0.1:8080";

/// `muster serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Data directory [default: ./muster-data]
    #[arg(long, env = "MUSTER_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// A PostgreSQL database for all data, which several servers may share: postgres://USER@HOST/NAME
    // Read later: a refusal of the command line would repeat it with its password.
    #[arg(long, env = "MUSTER_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where to listen: ADDRESS:PORT, HOST:PORT, :PORT (all addresses) or PORT (this machine only); port 0 picks a free one
    /// [default: 127.0.0.1:8080]
    #[arg(long, env = "MUSTER_LISTEN", value_parser = listener)]
    listen: Option<SocketAddr>,
    /// Start in demo mode: workspace DEMO with a key, identity resolution on, no rate limits
    #[arg(long, env = "MUSTER_DEV", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    dev: Option<bool>,
    /// Settings file [default: muster.toml, if it exists]
    #[arg(long, env = "MUSTER_CONFIG")]
    config: Option<PathBuf>,
    /// Certificate chain, PEM
    #[arg(long, env = "MUSTER_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, env = "MUSTER_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Network of a proxy whose X-Forwarded-For is trusted; may be given several times
    #[arg(long, env = "MUSTER_TRUSTED_PROXY", value_delimiter = ',', value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// Separate listener for /metrics, in the forms of --listen
    #[arg(long, env = "MUSTER_METRICS_LISTEN", value_parser = listener)]
    metrics_listen: Option<SocketAddr>,
    /// Separate listener for the management API and the console, in the forms of --listen
    #[arg(long, env = "MUSTER_MANAGE_LISTEN", value_parser = listener)]
    manage_listen: Option<SocketAddr>,
    /// How long a connection may be idle, like 75s or 2m [default: 75s]
    #[arg(long, env = "MUSTER_IDLE_TIMEOUT", value_parser = idle_timeout)]
    idle_timeout: Option<Duration>,
    /// Allow a listener that is not loopback without TLS and without a trusted proxy
    #[arg(long, env = "MUSTER_INSECURE_HTTP", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    insecure_http: Option<bool>,
    /// Answer only to this Host name and to local ones; may be given several times
    #[arg(long, env = "MUSTER_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// The token of the management API that may do everything [default: DATA_DIR/admin-token, created at the first start]
    #[arg(long, env = "MUSTER_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// File that holds the admin token, so that it appears neither in process lists nor in the environment
    #[arg(long, env = "MUSTER_ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
    /// A token of the management API that may only read
    #[arg(long, env = "MUSTER_READ_TOKEN", hide_env_values = true)]
    read_token: Option<String>,
    /// Log filter: error, warn, info, debug, or one like info,muster_store=debug [default: info]
    #[arg(long, env = "MUSTER_LOG")]
    log: Option<String>,
    /// Accept a workspace whose write-ahead log lost its end in a crash of the machine
    #[arg(long, env = "MUSTER_ACCEPT_LOSS", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    accept_loss: Option<bool>,
    /// Accept a catalogue that was lost, or that is older than the copies that workspaces keep
    #[arg(
        long,
        env = "MUSTER_ACCEPT_CATALOGUE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = boolean
    )]
    accept_catalogue: Option<bool>,
    /// Accept the clock although it is behind stored times, far ahead of them, or has jumped
    #[arg(long, env = "MUSTER_ACCEPT_CLOCK", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    accept_clock: Option<bool>,
    /// Exit with code 74 when the storage cannot be written until a restart [default: true under systemd, else false]
    #[arg(
        long,
        env = "MUSTER_EXIT_WHEN_POISONED",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = boolean
    )]
    exit_when_poisoned: Option<bool>,
}

/// Settings in force.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServeSettings {
    /// The file that settings were read from, if there is one.
    pub(crate) file: Option<String>,
    /// The keys that it sets.
    pub(crate) in_file: Vec<String>,
    pub(crate) data_dir: PathBuf,
    pub(crate) database: Option<DatabaseAddress>,
    pub(crate) listen: SocketAddr,
    pub(crate) dev: bool,
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) manage_listen: Option<SocketAddr>,
    pub(crate) idle_timeout: Duration,
    pub(crate) insecure_http: bool,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) admin_token: Option<String>,
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Where the admin token was given, if it was.
    pub(crate) admin_token_place: Option<TokenPlace>,
    pub(crate) read_token: Option<String>,
    pub(crate) log: String,
    pub(crate) accept_loss: bool,
    pub(crate) accept_catalogue: bool,
    pub(crate) accept_clock: bool,
    pub(crate) exit_when_poisoned: bool,
}

/// Returns whether systemd started this process, which starts it again.
fn has_supervisor() -> bool {
    ["NOTIFY_SOCKET", "INVOCATION_ID"].iter().any(|name| std::env::var_os(name).is_some())
}

/// Returns the token that is given, itself or in a file.
fn admin_token(token: Option<String>, file: Option<&PathBuf>) -> anyhow::Result<Option<String>> {
    match (token, file) {
        (Some(_), Some(_)) => bail!("--admin-token and --admin-token-file cannot be used together"),
        (token, None) => Ok(token),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path);
            Ok(Some(text.with_context(|| format!("{} cannot be read", path.display()))?.trim().to_owned()))
        }
    }
}

/// Returns where a setting was given: as a flag, as a variable, or else in the file. A flag wins over a variable.
fn source_of(value: Option<&OsStr>, variable: &str) -> SettingSource {
    match value {
        None => SettingSource::File,
        Some(value) if std::env::var_os(variable).as_deref() == Some(value) => SettingSource::Variable,
        Some(_) => SettingSource::Flag,
    }
}

impl Serve {
    /// Returns the settings in force.
    pub(crate) fn settings(self) -> anyhow::Result<ServeSettings> {
        let file = File::read(self.config.as_deref())?;
        let tls = (self.tls_cert.or(file.text("tls_cert")?), self.tls_key.or(file.text("tls_key")?));
        let tls = match tls {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => bail!("--tls-cert and --tls-key must be given together"),
        };
        let mut trusted_proxies = self.trusted_proxy;
        if trusted_proxies.is_empty() {
            trusted_proxies = file.list("trusted_proxy", network)?;
        }
        let sources = (
            source_of(self.admin_token.as_deref().map(OsStr::new), "MUSTER_ADMIN_TOKEN"),
            source_of(self.admin_token_file.as_deref().map(Path::as_os_str), "MUSTER_ADMIN_TOKEN_FILE"),
        );
        let admin_token_file = self.admin_token_file.or(file.text("admin_token_file")?);
        let admin_token = admin_token(self.admin_token.or(file.text("admin_token")?), admin_token_file.as_ref())?;
        let admin_token_place = admin_token.as_ref().map(|_| match admin_token_file {
            Some(_) => TokenPlace::File(sources.1),
            None => TokenPlace::Value(sources.0),
        });
        let allow_hosts = if self.allow_host.is_empty() {
            file.list("allow_host", |text| Ok(text.to_owned()))?
        } else {
            self.allow_host
        };
        let listen = self.listen.or(file.read_as("listen", listener)?);
        let address = |text: &str| DatabaseAddress::parse(text).map_err(|error| error.to_string());
        let database = match &self.database_url {
            Some(text) => Some(address(text).map_err(|words| anyhow!("--database-url: {words}"))?),
            None => file.read_as("database_url", address)?,
        };
        Ok(ServeSettings {
            in_file: file.keys(),
            file: file.name_if_there(),
            data_dir: self.data_dir.or(file.text("data_dir")?).unwrap_or_else(|| DATA_DIR.into()),
            database,
            listen: listen.unwrap_or_else(|| LISTEN.parse().expect("it is an address")),
            dev: self.dev.or(file.boolean("dev")?).unwrap_or(false),
            tls,
            trusted_proxies,
            metrics_listen: self.metrics_listen.or(file.read_as("metrics_listen", listener)?),
            manage_listen: self.manage_listen.or(file.read_as("manage_listen", listener)?),
            idle_timeout: self.idle_timeout.or(file.read_as("idle_timeout", idle_timeout)?).unwrap_or(IDLE_TIMEOUT),
            insecure_http: self.insecure_http.or(file.boolean("insecure_http")?).unwrap_or(false),
            allow_hosts,
            admin_token,
            admin_token_file,
            admin_token_place,
            read_token: self.read_token.or(file.text("read_token")?),
            log: self.log.or(file.text("log")?).unwrap_or_else(|| "info".to_owned()),
            accept_loss: self.accept_loss.or(file.boolean("accept_loss")?).unwrap_or(false),
            accept_catalogue: self.accept_catalogue.or(file.boolean("accept_catalogue")?).unwrap_or(false),
            accept_clock: self.accept_clock.or(file.boolean("accept_clock")?).unwrap_or(false),
            exit_when_poisoned: self
                .exit_when_poisoned
                .or(file.boolean("exit_when_poisoned")?)
                .unwrap_or_else(has_supervisor),
        })
    }
}

impl ServeSettings {
    /// Refuses what would send keys over the network in the clear without anybody having said so.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let is_covered = self.tls.is_some() || !self.trusted_proxies.is_empty() || self.insecure_http;
        for address in [Some(self.listen), self.manage_listen].into_iter().flatten() {
            if !address.ip().is_loopback() && !is_covered {
                bail!(
                    "{address} can be reached from other machines: give --tls-cert and --tls-key, or --trusted-proxy if \
                     a proxy ends TLS, or --insecure-http if plain HTTP is meant"
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: Serve,
    }

    fn settings(arguments: &[&str]) -> anyhow::Result<ServeSettings> {
        Line::try_parse_from([&["serve"], arguments].concat())?.serve.settings()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    // Fails when a flag or the file reads another form than `forms` does.
    #[test]
    fn a_listener_has_its_forms_on_the_command_line_and_in_the_file() {
        let file = file("listen = \"9000\"\nmetrics_listen = \":9001\"\nmanage_listen = 9002\n");
        let got = settings(&["--config", file.path().to_str().unwrap()]).unwrap();
        let listeners = [Some(got.listen), got.metrics_listen, got.manage_listen];
        assert_eq!(
            listeners.map(|address| address.unwrap().to_string()),
            ["127.0.0.1:9000", "0.0.0.0:9001", "127.0.0.1:9002"]
        );
        let got = settings(&["--listen", ":0", "--insecure-http=yes", "--dev=off"]).unwrap();
        assert_eq!((got.listen.to_string(), got.insecure_http, got.dev), ("0.0.0.0:0".to_owned(), true, false));
        assert!(settings(&["--listen", "host.invalid:1"]).is_err());
    }

    // Fails when `idle_timeout` of the file is not read, or takes any time.
    #[test]
    fn an_idle_connection_is_kept_as_long_as_the_settings_say() {
        let file = file("idle_timeout = \"2m\"\n");
        let with = |more: &[&str]| settings(&[&["--config", file.path().to_str().unwrap()], more].concat());
        assert_eq!(with(&[]).unwrap().idle_timeout, Duration::from_secs(120));
        assert_eq!(with(&["--idle-timeout", "30s"]).unwrap().idle_timeout, Duration::from_secs(30));
        assert_eq!(settings(&[]).unwrap().idle_timeout, IDLE_TIMEOUT);
        assert!(with(&["--idle-timeout", "0s"]).is_err());
    }

    // Fails when `check` looks at `listen` alone.
    #[test]
    fn a_listener_for_management_that_others_reach_needs_tls_like_the_other() {
        let open = ["--manage-listen", "0.0.0.0:1"];
        assert!(settings(&open).unwrap().check().is_err());
        assert!(settings(&[&open[..], &["--insecure-http"]].concat()).unwrap().check().is_ok());
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = file("listen = \"127.0.0.1:1\"\nlog = \"debug\"\ntrusted_proxy = [\"10.0.0.0/8\", \"192.0.2.1\"]\n");
        let got = settings(&["--config", file.path().to_str().unwrap(), "--listen", "127.0.0.1:2"]).unwrap();
        assert_eq!(got.listen, "127.0.0.1:2".parse().unwrap());
        assert_eq!(got.log, "debug");
        assert_eq!(got.data_dir, Path::new(DATA_DIR));
        let proxies: Vec<String> = got.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.1/32"]);
    }

    // Fails when `settings` does not read the file, or leaves its line end.
    #[test]
    fn the_admin_token_comes_from_a_file_or_from_a_setting_and_not_from_both() {
        let file = file("a-token-of-some-length\n");
        let path = file.path().to_str().unwrap();
        let got = settings(&["--admin-token-file", path]).unwrap();
        assert_eq!(got.admin_token.as_deref(), Some("a-token-of-some-length"));
        assert_eq!(got.admin_token_place, Some(TokenPlace::File(SettingSource::Flag)));
        assert!(settings(&["--admin-token-file", path, "--admin-token", "x"]).is_err());
        assert!(settings(&["--admin-token-file", "nowhere"]).is_err());
    }

    #[test]
    fn a_listener_that_others_reach_needs_tls_a_proxy_or_a_clear_word() {
        // Without `check` in `serve` keys travel in the clear.
        let check = |arguments: &[&str]| settings(arguments).unwrap().check().is_ok();
        assert!(check(&["--listen", "127.0.0.1:0"]));
        assert!(!check(&["--listen", "0.0.0.0:0"]));
        assert!(check(&["--listen", "0.0.0.0:0", "--insecure-http"]));
        assert!(check(&["--listen", "0.0.0.0:0", "--trusted-proxy", "10.0.0.1"]));
        assert!(check(&["--listen", "0.0.0.0:0", "--tls-cert", "c.pem", "--tls-key", "k.pem"]));
        assert!(settings(&["--tls-cert", "c.pem"]).is_err());
    }
}
