//! Settings of `serve`: a flag, else an environment variable, else a key of the file, else the default. Unknown keys of
//! the file are errors that name the nearest known one.

use crate::operate::seconds;
use crate::owner;
use anyhow::{Context as _, bail};
use clap::Args;
use ipnet::IpNet;
use muster_server::limits::IDLE_TIMEOUT;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The default data directory.
pub(crate) const DATA_DIR: &str = "./muster-data";
/// The default listener.
const LISTEN: &str = "127.0.0.1:8080";
/// The file that is read if it is there and no other is named.
const FILE: &str = "muster.toml";
/// The keys of the file: the flags with underscores.
const KEYS: [&str; 19] = [
    "data_dir",
    "listen",
    "dev",
    "tls_cert",
    "tls_key",
    "trusted_proxy",
    "metrics_listen",
    "manage_listen",
    "idle_timeout",
    "insecure_http",
    "allow_host",
    "admin_token",
    "admin_token_file",
    "read_token",
    "log",
    "accept_loss",
    "accept_catalogue",
    "accept_clock",
    "exit_when_poisoned",
];

/// `muster serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where data goes [default: ./muster-data]
    #[arg(long, env = "MUSTER_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Address and port; port 0 picks one [default: 127.0.0.1:8080]
    #[arg(long, env = "MUSTER_LISTEN")]
    listen: Option<SocketAddr>,
    /// Start for trying out: workspace DEMO with a key, identity resolution on, no rate limits
    #[arg(long, env = "MUSTER_DEV", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dev: Option<bool>,
    /// The file of settings [default: muster.toml, if it is there]
    #[arg(long, env = "MUSTER_CONFIG")]
    config: Option<PathBuf>,
    /// Certificate chain, PEM
    #[arg(long, env = "MUSTER_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, env = "MUSTER_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Network of a proxy whose X-Forwarded-For is believed; may be given several times
    #[arg(long, env = "MUSTER_TRUSTED_PROXY", value_delimiter = ',', value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// A listener of its own for /metrics
    #[arg(long, env = "MUSTER_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    /// A listener of its own for the management API and the console
    #[arg(long, env = "MUSTER_MANAGE_LISTEN")]
    manage_listen: Option<SocketAddr>,
    /// How long a connection may ask for nothing, like 75s or 2m [default: 75s]
    #[arg(long, env = "MUSTER_IDLE_TIMEOUT", value_parser = idle_timeout)]
    idle_timeout: Option<Duration>,
    /// Allow a listener that is not loopback without TLS and without a trusted proxy
    #[arg(long, env = "MUSTER_INSECURE_HTTP", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    insecure_http: Option<bool>,
    /// Answer only to this Host name and to local ones; may be given several times
    #[arg(long, env = "MUSTER_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// The token of the management API that may do everything [default: DATA_DIR/admin-token, made at first start]
    #[arg(long, env = "MUSTER_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// A file that holds that token, which then stands in no list of processes and no environment
    #[arg(long, env = "MUSTER_ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
    /// A token of the management API that may only read
    #[arg(long, env = "MUSTER_READ_TOKEN", hide_env_values = true)]
    read_token: Option<String>,
    /// Which log lines are written: error, warn, info, debug, or a filter like info,muster_store=debug [default: info]
    #[arg(long, env = "MUSTER_LOG")]
    log: Option<String>,
    /// Go on with a workspace whose log lost its end in a crash of the machine
    #[arg(long, env = "MUSTER_ACCEPT_LOSS", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    accept_loss: Option<bool>,
    /// Go on with a catalogue that was lost, or that is older than what workspaces keep of it
    #[arg(
        long,
        env = "MUSTER_ACCEPT_CATALOGUE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    accept_catalogue: Option<bool>,
    /// Take the clock as it is, though it is behind what is stored, far ahead of it, or jumped
    #[arg(long, env = "MUSTER_ACCEPT_CLOCK", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    accept_clock: Option<bool>,
    /// End with code 74 when the storage cannot be written until a restart [default: true under systemd, else false]
    #[arg(
        long,
        env = "MUSTER_EXIT_WHEN_POISONED",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    exit_when_poisoned: Option<bool>,
}

/// Settings in force.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The file that settings were read from, if there is one.
    pub(crate) file: Option<String>,
    pub(crate) data_dir: PathBuf,
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
    pub(crate) read_token: Option<String>,
    pub(crate) log: String,
    pub(crate) accept_loss: bool,
    pub(crate) accept_catalogue: bool,
    pub(crate) accept_clock: bool,
    pub(crate) exit_when_poisoned: bool,
}

/// Whether systemd started this process, which starts it again.
fn has_supervisor() -> bool {
    ["NOTIFY_SOCKET", "INVOCATION_ID"].iter().any(|name| std::env::var_os(name).is_some())
}

/// A time from a second to a day.
fn idle_timeout(text: &str) -> Result<Duration, String> {
    let time = Duration::from_secs(seconds(text)?);
    let fits = (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&time);
    fits.then_some(time).ok_or_else(|| "must be from 1s to 24h".to_owned())
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address));
    text.parse().or_else(|_| one()).map_err(|_| "must be an address or a network like 10.0.0.0/8".to_owned())
}

impl Serve {
    /// The settings in force.
    pub(crate) fn settings(self) -> anyhow::Result<Settings> {
        let file = File::read(self.config.as_deref())?;
        let tls = (self.tls_cert.or(file.text("tls_cert")?), self.tls_key.or(file.text("tls_key")?));
        let tls = match tls {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => bail!("--tls-cert and --tls-key belong together"),
        };
        let mut trusted_proxies = self.trusted_proxy;
        if trusted_proxies.is_empty() {
            let wrong = |text: String| anyhow::anyhow!("trusted_proxy in {}: {text}", file.name);
            let given = file.list("trusted_proxy")?;
            trusted_proxies = given.iter().map(|text| network(text).map_err(wrong)).collect::<Result<_, _>>()?;
        }
        let token = self.admin_token.or(file.text("admin_token")?);
        let admin_token = match (token, self.admin_token_file.or(file.text("admin_token_file")?)) {
            (Some(_), Some(_)) => bail!("--admin-token and --admin-token-file exclude each other"),
            (token, None) => token,
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path);
                Some(text.with_context(|| format!("{} cannot be read", path.display()))?.trim().to_owned())
            }
        };
        let wrong = |text: String| anyhow::anyhow!("idle_timeout in {}: {text}", file.name);
        let in_file: Option<String> = file.text("idle_timeout")?;
        let in_file = in_file.map(|text| idle_timeout(&text).map_err(wrong)).transpose()?;
        let allow_hosts = if self.allow_host.is_empty() { file.list("allow_host")? } else { self.allow_host };
        Ok(Settings {
            file: (!file.table.is_empty()).then(|| file.name.clone()),
            data_dir: self.data_dir.or(file.text("data_dir")?).unwrap_or_else(|| DATA_DIR.into()),
            listen: self.listen.or(file.text("listen")?).unwrap_or_else(|| LISTEN.parse().expect("it is an address")),
            dev: self.dev.or(file.boolean("dev")?).unwrap_or(false),
            tls,
            trusted_proxies,
            metrics_listen: self.metrics_listen.or(file.text("metrics_listen")?),
            manage_listen: self.manage_listen.or(file.text("manage_listen")?),
            idle_timeout: self.idle_timeout.or(in_file).unwrap_or(IDLE_TIMEOUT),
            insecure_http: self.insecure_http.or(file.boolean("insecure_http")?).unwrap_or(false),
            allow_hosts,
            admin_token,
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

impl Settings {
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

/// The file of settings.
struct File {
    name: String,
    table: toml::Table,
}

impl File {
    /// The named file, or the default one if it is there.
    fn read(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = named.unwrap_or(Path::new(FILE));
        let name = path.display().to_string();
        if named.is_none() && !path.exists() {
            return Ok(Self { name, table: toml::Table::new() });
        }
        if named.is_none() {
            owner::check(path, false)?;
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
        Self::parse(name, &text)
    }

    fn parse(name: String, text: &str) -> anyhow::Result<Self> {
        let table: toml::Table = text.parse().with_context(|| format!("{name} is no TOML"))?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let nearest = KEYS
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)));
            bail!("{name}: unknown key {unknown}; did you mean {}?", nearest.unwrap_or(&KEYS[0]));
        }
        Ok(Self { name, table })
    }

    fn text<T: FromStr<Err: Display>>(&self, key: &str) -> anyhow::Result<Option<T>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let text = value.as_str().with_context(|| format!("{}: {key} must be a text", self.name))?;
        let wrong = |error: T::Err| anyhow::anyhow!("{}: {key}: {error}", self.name);
        text.parse().map(Some).map_err(wrong)
    }

    fn boolean(&self, key: &str) -> anyhow::Result<Option<bool>> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        value.as_bool().map(Some).with_context(|| format!("{}: {key} must be true or false", self.name))
    }

    fn list(&self, key: &str) -> anyhow::Result<Vec<String>> {
        let wrong = || format!("{}: {key} must be a list of texts", self.name);
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let items = value.as_array().with_context(wrong)?;
        items.iter().map(|item| item.as_str().map(str::to_owned).with_context(wrong)).collect()
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

    fn settings(arguments: &[&str]) -> anyhow::Result<Settings> {
        Line::try_parse_from([&["serve"], arguments].concat())?.serve.settings()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
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
        assert!(settings(&["--admin-token-file", path, "--admin-token", "x"]).is_err());
        assert!(settings(&["--admin-token-file", "nowhere"]).is_err());
    }

    #[test]
    fn an_unknown_key_of_the_file_is_an_error_that_names_the_nearest() {
        let error = File::parse("muster.toml".to_owned(), "data-dir = \"x\"").err().unwrap();
        assert_eq!(error.to_string(), "muster.toml: unknown key data-dir; did you mean data_dir?");
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
