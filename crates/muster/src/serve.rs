//! `muster serve`: opens the data, listens, says so, and serves until a signal.

use crate::build_info::BUILD;
use crate::config::{DATA_DIR, Serve, ServeSettings, unknown};
use crate::files::{token_file, url_file, write_private};
use crate::logs::{self, Lines};
use crate::output::say_if_possible;
use crate::owner::{self, is_open_to_others};
use crate::{clock_file, descriptors};
use anyhow::{Context as _, bail};
use clap::Command;
use muster_server::app::{App, DirectoryError, Options, StartError, Storage, TokenPlace, secret};
use muster_server::clock::{SystemClock, SystemRandom};
use muster_server::dev;
use muster_server::limits::divide_descriptors;
use muster_server::serve::{ServeOptions, Tls, serve, wait_until_poisoned};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::Notify;

/// Names that are always this machine.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The exit code of a process that ends because its storage cannot be written until a restart: EX_IOERR of sysexits.h.
const POISONED: u8 = 74;

/// Runs the server; `command` knows the environment variables that are settings.
pub(crate) fn run(arguments: Serve, command: &Command) -> anyhow::Result<ExitCode> {
    let settings = arguments.settings()?;
    settings.check()?;
    let lines = logs::start(&settings.log)?;
    if let Some(file) = &settings.file {
        tracing::info!(file, "settings are taken from this file");
    }
    for words in unknown::in_environment(command) {
        tracing::warn!("{words}");
    }
    let served = serve_with(&settings, &lines);
    lines.finish();
    served
}

fn serve_with(settings: &ServeSettings, lines: &Lines) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads")?;
    // Before anything is touched: what cannot be used must not look like a start.
    let tls = match &settings.tls {
        Some((certificate, key)) => Some(Tls::read(certificate, key).context("TLS is not possible")?),
        None => None,
    };
    let (connections, workspaces) = divide_descriptors(descriptors::raise());
    if settings.data_dir.exists() {
        owner::check(&settings.data_dir, settings.data_dir.as_os_str() != DATA_DIR)?;
    }
    if settings.database.is_some() {
        // The engine makes no directory; what belongs to this server alone still needs one.
        make_directory(&settings.data_dir)?;
    }
    let (token, is_new_token) = admin_token(settings)?;
    let clock = clock_file::clock(&settings.data_dir, settings.accept_clock);
    let mut options = options(settings, &clock, &token);
    options.token_place = token_place(settings, is_new_token);
    options.workspaces_open = workspaces;
    options.log_lines_dropped = lines.dropped();
    let app = App::open(options).map_err(|error| not_opened(settings, error))?;
    if is_open_to_others(&settings.data_dir, 0o077) {
        let directory = settings.data_dir.display();
        tracing::warn!(%directory, "other users may read the data directory or write to it: remove that permission (chmod 700)");
    }
    if is_new_token {
        // Only now: a directory that holds anything but data of Muster is refused when it is opened.
        keep_token(&settings.data_dir, &token)?;
    }
    let dev_key = if settings.dev { prepare_dev(&app, settings)? } else { without_fixed_key(&app)? };
    let mut listening = listening(settings, tls)?;
    listening.connections_max = connections;
    let address = listening.listener.local_addr().context("the listener has no address")?;
    let url = url(address, settings.tls.is_some());
    // The command line calls the management API.
    let managed = listening.manage.as_ref().map_or(Ok(address), TcpListener::local_addr);
    let managed = managed.context("the listener has no address")?;
    let [data_api, reachable] = [address, managed].map(|at| self::url(reachable(at), settings.tls.is_some()));
    write_private(&url_file(&settings.data_dir), &reachable)?;
    let served = runtime.block_on(async {
        // Signals are caught before the ready line, so that a reader of it can stop the server.
        let stop = stop_signal()?;
        tokio::spawn(reload_signal(Arc::clone(&listening.reload))?);
        let (signal, poison) = (stop, wait_until_poisoned(Arc::clone(&app)));
        let exits = settings.exit_when_poisoned;
        let stop = async move {
            tokio::select! {
                () = signal => {}
                () = poison, if exits => {}
            }
        };
        started(settings, &listening, &url);
        say_if_possible(format!("muster ready on {url}"));
        if settings.dev {
            let is_local = settings.listen.ip().is_loopback();
            let shown = is_printed(settings, is_new_token).then_some(token.as_str());
            // A token that was given directly is in no file.
            let own = || settings.admin_token.is_none().then(|| token_file(&settings.data_dir));
            let file = settings.admin_token_file.clone().or_else(own);
            say_if_possible(dev_words(
                [&data_api, &reachable],
                (dev_key.as_deref(), is_local),
                (file.as_deref(), shown),
            ));
        }
        let noting = tokio::spawn(clock_file::keep_noting(settings.data_dir.clone(), Arc::clone(&clock)));
        let served = serve(Arc::clone(&app), listening, stop).await.context("the server failed");
        noting.abort();
        served
    });
    clock_file::note(&settings.data_dir, &clock);
    // It cannot be reached any more; a file that stays would only mislead.
    let _gone = fs::remove_file(url_file(&settings.data_dir));
    let is_poisoned = settings.exit_when_poisoned && app.needs_restart();
    served.map(|()| if is_poisoned { ExitCode::from(POISONED) } else { ExitCode::SUCCESS })
}

/// Returns the admin token, and whether it was made now: given, else of the data directory, else made at random.
fn admin_token(settings: &ServeSettings) -> anyhow::Result<(String, bool)> {
    if let Some(token) = &settings.admin_token {
        return Ok((token.clone(), false));
    }
    let path = token_file(&settings.data_dir);
    if path.exists() {
        if is_open_to_others(&path, 0o022) {
            bail!("other users may write {}: remove that permission (chmod 600)", path.display());
        }
        if is_open_to_others(&path, 0o044) {
            tracing::warn!(file = %path.display(), "other users may read the admin token: remove that permission (chmod 600)");
        }
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        return Ok((text.trim().to_owned(), false));
    }
    Ok((secret(&SystemRandom), true))
}

/// Makes the data directory, where only this user can read it.
fn make_directory(data_dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    made.with_context(|| format!("the data directory {} cannot be made", data_dir.display()))
}

/// Returns where operators of this server find the admin token.
fn token_place(settings: &ServeSettings, is_new: bool) -> TokenPlace {
    settings.admin_token_place.unwrap_or_else(|| TokenPlace::DataDirectory {
        is_default: settings.data_dir.as_os_str() == DATA_DIR,
        was_said: settings.dev,
        was_printed: is_printed(settings, is_new),
    })
}

/// Returns whether `--dev` prints the admin token itself: who can read the file needs no token on a terminal, who
/// starts a container may not be able to.
fn is_printed(settings: &ServeSettings, is_new: bool) -> bool {
    settings.dev && is_new && !settings.listen.ip().is_loopback()
}

/// Writes a token that was made now where only this user can read it.
fn keep_token(data_dir: &Path, token: &str) -> anyhow::Result<()> {
    write_private(&token_file(data_dir), token)
}

/// Returns the `Host` names that are answered; None = all.
fn hosts(settings: &ServeSettings) -> Option<Vec<String>> {
    let is_local_dev = settings.dev && settings.listen.ip().is_loopback();
    if settings.allow_hosts.is_empty() && !is_local_dev {
        return None;
    }
    Some(LOCAL_HOSTS.iter().map(|name| (*name).to_owned()).chain(settings.allow_hosts.iter().cloned()).collect())
}

/// Makes the workspace of `--dev`; its key, if it is known: the fixed one only where nobody else can reach it.
fn prepare_dev(app: &App, settings: &ServeSettings) -> anyhow::Result<Option<String>> {
    let given = std::env::var("MUSTER_KEY").ok().filter(|key| !key.is_empty());
    let is_local = settings.listen.ip().is_loopback();
    if !is_local && given.as_deref() == Some(dev::KEY) {
        bail!("MUSTER_KEY must not be {} on a listener that others reach: everybody knows it", dev::KEY);
    }
    let had_fixed = !is_local && dev::revoke_fixed(app).context("the fixed key of DEMO cannot be revoked")?;
    if had_fixed {
        tracing::warn!("the fixed key of DEMO is replaced: this listener can be reached by others");
    }
    let is_given = given.is_some();
    let made = || if is_local { dev::KEY.to_owned() } else { app.secret() };
    let key = given.unwrap_or_else(made);
    // Of a workspace that was there the key is known only if it is this one.
    let is_good = dev::prepare(app, &key, is_given).context("the workspace DEMO cannot be made")?;
    Ok(is_good.then_some(key))
}

/// Returns a start without `--dev` over the data of one with it: its key is public, and does not work any more.
fn without_fixed_key(app: &App) -> anyhow::Result<Option<String>> {
    if dev::revoke_fixed(app).context("the fixed key of DEMO cannot be revoked")? {
        tracing::warn!(
            "the workspace DEMO had the fixed key of --dev, which everybody knows: it is revoked; \
             `muster key rotate DEMO` makes another"
        );
    }
    Ok(None)
}

/// Returns what the application is opened with.
fn options(settings: &ServeSettings, clock: &Arc<SystemClock>, token: &str) -> Options {
    let storage = match &settings.database {
        Some(address) => Storage::Database { address: Box::new(address.clone()), accept_clock: settings.accept_clock },
        None => Storage::Directory {
            path: settings.data_dir.clone(),
            accept_loss: settings.accept_loss,
            accept_catalogue: settings.accept_catalogue,
            accept_clock: settings.accept_clock,
        },
    };
    let mut options = Options::new(storage, Arc::<SystemClock>::clone(clock), Arc::new(SystemRandom), token.to_owned());
    options.read_token.clone_from(&settings.read_token);
    options.trusted_proxies.clone_from(&settings.trusted_proxies);
    options.hosts = hosts(settings);
    options.build = BUILD;
    options.metrics_elsewhere = settings.metrics_listen.is_some();
    options.manage_elsewhere = settings.manage_listen.is_some();
    options
}

/// The line of the log that tells what runs, where its data is, and where it listens.
fn started(settings: &ServeSettings, listening: &ServeOptions, url: &str) {
    let at = |listener: &Option<TcpListener>| listener.as_ref().and_then(|one| one.local_addr().ok());
    let (metrics, manage) = (at(&listening.metrics), at(&listening.manage));
    let directory = fs::canonicalize(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone());
    tracing::info!(
        version = BUILD.version,
        commit = BUILD.commit,
        engine = if settings.database.is_some() { "postgres" } else { "sqlite" },
        directory = %directory.display(),
        database = settings.database.as_ref().map(tracing::field::display),
        listen = url,
        metrics_listen = metrics.map(tracing::field::display),
        manage_listen = manage.map(tracing::field::display),
        "started"
    );
}

/// Returns why the data cannot be opened; of a directory without rights also what to do.
fn not_opened(settings: &ServeSettings, error: StartError) -> anyhow::Error {
    let StartError::Directory(DirectoryError::Io { error: io, .. }) = &error else { return error.into() };
    let directory = settings.data_dir.display();
    let words = match io.kind() {
        ErrorKind::PermissionDenied => {
            let user = rustix::process::geteuid().as_raw();
            format!(
                "the data directory {directory} cannot be written by this user (id {user}): give it to that user (chown), or \
                 choose another with --data-dir"
            )
        }
        ErrorKind::ReadOnlyFilesystem => {
            format!("the data directory {directory} is on a read-only file system: choose another with --data-dir")
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            format!("{directory} is not a directory: choose another with --data-dir")
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(words)
}

/// Returns why an address cannot be listened on, and what to do.
fn not_bound(address: SocketAddr, error: &io::Error) -> String {
    let what_to_do = match error.kind() {
        ErrorKind::AddrInUse => "the port is in use: stop the other server, or choose another port",
        ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege: choose a higher one, or grant it (setcap cap_net_bind_service=+ep, or \
             AmbientCapabilities=CAP_NET_BIND_SERVICE in systemd)"
        }
        ErrorKind::AddrNotAvailable => "this machine does not have that address",
        _ => "the system refused",
    };
    format!("cannot listen on {address}: {what_to_do}")
}

fn listening(settings: &ServeSettings, tls: Option<Tls>) -> anyhow::Result<ServeOptions> {
    let bind = |address: SocketAddr| {
        TcpListener::bind(address).map_err(|error| {
            let words = not_bound(address, &error);
            anyhow::Error::from(error).context(words)
        })
    };
    let mut listening = ServeOptions::on(bind(settings.listen)?);
    listening.tls = tls;
    listening.metrics = settings.metrics_listen.map(bind).transpose()?;
    listening.manage = settings.manage_listen.map(bind).transpose()?;
    listening.deadlines.idle = settings.idle_timeout;
    Ok(listening)
}

fn url(address: SocketAddr, is_tls: bool) -> String {
    format!("{}://{address}", if is_tls { "https" } else { "http" })
}

/// Returns the address under which this machine reaches a listener on all of its addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// SIGHUP has the certificate read again, and never ends the process.
fn reload_signal(reload: Arc<Notify>) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be caught")?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            reload.notify_one();
        }
    })
}

/// What somebody who tries Muster does next. Takes the URLs of the Data API and of the management API with the console.
fn dev_words(
    [data_api, managed]: [&str; 2],
    (key, is_local): (Option<&str>, bool),
    (token_file, new_token): (Option<&Path>, Option<&str>),
) -> String {
    let (workspace, key_shown) = (dev::WORKSPACE, key.unwrap_or("YOUR_KEY"));
    let (place, token) = match token_file.map(Path::display) {
        Some(file) => (format!("the token in {file}"), format!("$(cat {file})")),
        None => ("the admin token that you gave".to_owned(), "$MUSTER_ADMIN_TOKEN".to_owned()),
    };
    let places = if data_api == managed {
        format!("API and console at {managed}")
    } else {
        format!("Data API at {data_api}, management API and console at {managed}")
    };
    let mut words = format!(
        r#"
Workspace {workspace}, {places}; the console takes {place}. Import a user, and look it up:

  curl {data_api}/v1/transition/{workspace} -u {workspace}:{key_shown} -H 'Content-Type: application/json' -H 'Prefer: return=representation' \
    -d '{{"type":"transition","elements":[{{"type":"customer","customer_id":"cust-1001","attributes":{{"first_name":"Asha","email":"asha@example.test"}}}}]}}'
  curl {managed}/api/v1/workspaces/{workspace}/users/find -H "Authorization: Bearer {token}" \
    -H 'Content-Type: application/json' -d '{{"kind":"email","value":"asha@example.test"}}'
"#
    );
    if key.is_none() {
        words += "\nThe key of DEMO was shown when it was made; `muster key rotate DEMO` makes another.\n";
    } else if !is_local {
        words += &format!("\nKey of {workspace}, shown once: {key_shown}\n");
    }
    if let Some(token) = new_token {
        words += &format!("Admin token, shown once: {token}\n");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `not_bound` says the same of every error: only root may bind those ports, so no server can show it.
    #[test]
    fn a_listener_that_is_refused_is_told_with_what_to_do() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let said = |kind: ErrorKind| not_bound(address, &kind.into());
        assert!(said(ErrorKind::PermissionDenied).starts_with(
            "cannot listen on 127.0.0.1:80: ports below 1024 need a privilege: choose a higher one, or grant it (setcap"
        ));
        assert_eq!(
            said(ErrorKind::AddrNotAvailable),
            "cannot listen on 127.0.0.1:80: this machine does not have that address"
        );
    }
}
