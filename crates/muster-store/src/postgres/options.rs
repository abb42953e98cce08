//! How the engine is opened: the address of the database with what it says about TLS, and the rest.

use super::tls::{TlsError, TlsMode};
use crate::bounds::Bounds;
use muster_core::time::Clock;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// How the engine is opened.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The database.
    pub database: DatabaseAddress,
    /// The clock of this process: durations are measured by it.
    pub clock: Arc<dyn Clock>,
    /// Whether instants are those of the database, which all nodes share, and not of `clock`.
    pub is_time_of_database: bool,
    /// Accept a clock that is behind stored times.
    pub accept_clock: bool,
    /// Threads that decide at a time; more of them wait for the database.
    pub committers: usize,
    /// Connections at most: of groups, readers and everything else.
    pub connections: usize,
    /// Bounds of queues, groups and bounded families.
    pub bounds: Bounds,
}

impl PostgresOptions {
    /// The defaults: a committer for each core, and sixteen connections, of which PostgreSQL allows a hundred.
    pub fn new(database: DatabaseAddress, clock: Arc<dyn Clock>) -> Self {
        Self {
            database,
            clock,
            is_time_of_database: true,
            accept_clock: false,
            committers: thread::available_parallelism().map_or(1, usize::from),
            connections: 16,
            bounds: Bounds::default(),
        }
    }
}

/// The address of a database (`postgres://user@host/name`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseAddress {
    pub(super) config: Config,
    pub(super) tls: TlsMode,
}

/// The address of a database cannot be used. It is not repeated, since it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read.
    #[error("it is not an address of a database such as postgres://user@host/name: {0}")]
    Malformed(String),
    /// The mode is not known.
    #[error("sslmode is disable, require or verify-full")]
    UnknownMode,
    /// It asks for a standby.
    #[error("target_session_attrs is read-write, or left out: a standby takes nothing")]
    ReadOnly,
    /// There is no database in it.
    #[error("it names no database")]
    NoDatabase,
}

impl DatabaseAddress {
    /// Reads an address. Several hosts and `target_session_attrs` are understood as libpq does; `sslmode` and
    /// `sslrootcert` are read here.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(AddressError::Malformed("it does not begin with postgres://".into()));
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(unescaped(value)?)),
                _ => rest.push(part),
            }
        }
        let address = if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
        let mut config: Config = address.parse().map_err(|error: tokio_postgres::Error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            AddressError::Malformed(source.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_dbname().is_none() {
            return Err(AddressError::NoDatabase);
        }
        let tls = match mode {
            None if roots.is_none() && is_on_this_machine(&config) => TlsMode::Off,
            None | Some("verify-full") => TlsMode::Verified { roots },
            Some("disable") => TlsMode::Off,
            Some("require") if roots.is_none() => TlsMode::Unverified,
            Some("require") => TlsMode::Verified { roots },
            Some(_) => return Err(AddressError::UnknownMode),
        };
        match config.get_target_session_attrs() {
            // A standby would take nothing, and show what is old.
            TargetSessionAttrs::Any => drop(config.target_session_attrs(TargetSessionAttrs::ReadWrite)),
            TargetSessionAttrs::ReadWrite => {}
            _ => return Err(AddressError::ReadOnly),
        }
        config.ssl_mode(if tls == TlsMode::Off { SslMode::Disable } else { SslMode::Require });
        Ok(Self { config, tls })
    }
}

impl fmt::Display for DatabaseAddress {
    /// Writes the hosts and the name of the database, never the user or the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.config.get_ports();
        f.write_str("postgres://")?;
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            let separator = if place > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) => write!(f, "{separator}{name}")?,
                #[cfg(unix)]
                Host::Unix(folder) => write!(f, "{separator}{}", folder.display())?,
            }
            if let Some(port) = ports.get(place).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

/// Whether every host is this machine: a socket, `localhost`, or an address that leads nowhere else.
fn is_on_this_machine(config: &Config) -> bool {
    let is_local = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(is_local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Reads percent-encoding.
fn unescaped(text: &str) -> Result<String, AddressError> {
    let malformed = || AddressError::Malformed("sslrootcert is not a path".into());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2).ok_or_else(malformed)?;
            let digits = std::str::from_utf8(digits).map_err(|_| malformed())?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| malformed())?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

/// Why the engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    /// The database cannot be used.
    #[error("the database cannot be used: {0}")]
    Database(crate::error::EngineError),
    /// The database has tables of a later Muster.
    #[error("the database has the tables of a later Muster (version {0})")]
    Newer(i64),
    /// The server is too old.
    #[error("the server is PostgreSQL {0}; 15 or a later one is needed")]
    OldServer(i64),
    /// Commits are answered before they are stored.
    #[error("synchronous_commit is off for this user or database: what is answered with 200 could be lost; turn it on")]
    NotDurable,
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(text: &str) -> Result<TlsMode, AddressError> {
        DatabaseAddress::parse(text).map(|address| address.tls)
    }

    // Fails when `is_on_this_machine` believes any host, or `parse` reads `require` as the default.
    #[test]
    fn the_certificate_of_a_server_on_another_machine_is_checked_unless_the_address_says_otherwise() {
        let verified = |roots: Option<&str>| Ok(TlsMode::Verified { roots: roots.map(PathBuf::from) });
        assert_eq!(tls("postgres://m@db.example/muster"), verified(None));
        assert_eq!(tls("postgres://m@localhost,10.0.0.7/muster"), verified(None));
        assert_eq!(tls("postgres://m@db/muster?sslrootcert=%2Fetc%2Fca.pem"), verified(Some("/etc/ca.pem")));
        assert_eq!(tls("postgres://m@db/muster?sslmode=require&sslrootcert=ca.pem"), verified(Some("ca.pem")));
        assert_eq!(tls("postgres://m@db/muster?sslmode=require"), Ok(TlsMode::Unverified));
        assert_eq!(tls("postgres://m@db/muster?sslmode=disable"), Ok(TlsMode::Off));
        for local in ["localhost", "127.0.0.1", "[::1]:5433", "%2Frun%2Fpostgresql"] {
            assert_eq!(tls(&format!("postgresql://m@{local}/muster")), Ok(TlsMode::Off), "{local}");
        }
        assert_eq!(tls("postgres://m@localhost/muster?sslmode=verify-full"), verified(None));
        assert_eq!(tls("postgres://m@db/muster?sslmode=prefer"), Err(AddressError::UnknownMode));
    }

    // Fails when the text of the address is part of an error.
    #[test]
    fn what_cannot_be_an_address_of_a_database_is_refused_without_its_password() {
        assert_eq!(tls("postgres://m:secret@db").unwrap_err(), AddressError::NoDatabase);
        for text in ["mysql://m:secret@db/muster", "postgres://m:secret@db:port/muster", "secret"] {
            let error = tls(text).unwrap_err().to_string();
            assert!(error.starts_with("it is not an address") && !error.contains("secret"), "{error}");
        }
    }

    // Fails when a parameter of libpq is dropped on the way.
    #[test]
    fn several_hosts_and_the_wish_for_a_primary_are_understood() {
        let text = "postgres://m@one,two:5433/muster?target_session_attrs=read-write&sslmode=disable";
        let config = DatabaseAddress::parse(text).unwrap().config;
        assert_eq!(config.get_hosts().len(), 2);
        let shown = DatabaseAddress::parse("postgres://m:secret@one,two:5433/muster").unwrap().to_string();
        assert_eq!(shown, "postgres://one:5432,two:5433/muster");
        assert_eq!(config.get_target_session_attrs(), tokio_postgres::config::TargetSessionAttrs::ReadWrite);
    }
}
