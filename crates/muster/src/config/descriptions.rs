//! Describes each setting: its default and the reason for it. The file `deploy/muster.toml` and `muster config show` are
//! made of these descriptions.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Its key in the file; the flag has dashes, the variable is in capitals behind `MUSTER_`.
    pub(crate) key: &'static str,
    /// Its default as TOML; None if it is not set.
    pub(super) default: Option<&'static str>,
    /// A value as TOML, where the default shows none.
    pub(super) example: &'static str,
    /// What it is.
    pub(super) about: &'static str,
    /// Why the default is what it is.
    pub(super) reason: &'static str,
}

const fn with_default(key: &'static str, default: &'static str, about: &'static str, reason: &'static str) -> Setting {
    Setting { key, default: Some(default), example: default, about, reason }
}

const fn unset(key: &'static str, example: &'static str, about: &'static str, reason: &'static str) -> Setting {
    Setting { key, default: None, example, about, reason }
}

/// Every setting, in the order in which somebody who sets a server up thinks of them.
#[rustfmt::skip]
pub(crate) const SETTINGS: [Setting; 20] = [
    with_default("data_dir", "\"./muster-data\"", "Data directory: on a local disk, used by Muster only.",
        "it is convenient for trying Muster out; a service sets a fixed path, like /var/lib/muster."),
    unset("database_url", "\"postgres://muster@db.internal/muster\"", "A PostgreSQL database (15 or later) for all data, which several servers may share.",
        "each workspace is a file in data_dir. With a database that directory holds only what belongs to this server, such as its admin token. Beyond this machine the database's certificate is checked; sslrootcert=FILE in the address names a private authority."),
    with_default("listen", "\"127.0.0.1:8080\"", "Where to listen: ADDRESS:PORT, HOST:PORT, :PORT (all addresses) or PORT (this machine only).",
        "other machines cannot reach the server unless you allow it."),
    unset("tls_cert", "\"/etc/muster/cert.pem\"", "Certificate chain as PEM, the server's own first. It is read again when it changes.",
        "a server on loopback, or behind a proxy that ends TLS, needs none."),
    unset("tls_key", "\"/etc/muster/key.pem\"", "Private key of the certificate as PEM.",
        "as with tls_cert."),
    with_default("trusted_proxy", "[]", "Networks of proxies whose X-Forwarded-For is trusted for allow-lists and lockouts.",
        "anybody can send this header, so it must not decide which address counts."),
    with_default("insecure_http", "false", "Allow plain HTTP on a listener that other machines reach.",
        "keys would travel in the clear."),
    unset("manage_listen", "\"127.0.0.1:8081\"", "Separate listener for the management API and the console.",
        "both are served on listen."),
    unset("metrics_listen", "\"127.0.0.1:9090\"", "Separate listener for /metrics, which needs no token.",
        "it is served on listen."),
    with_default("allow_host", "[]", "Answer only to these Host names and to local ones.",
        "a server with TLS or a proxy needs no list. With dev on loopback only local names are answered, because a web page can find that port."),
    with_default("idle_timeout", "\"75s\"", "How long a connection may be idle.",
        "longer than the 60 s that most proxies keep a connection open, so that the proxy closes it first and no request is lost."),
    unset("admin_token_file", "\"/run/secrets/muster-admin-token\"", "A file that holds the admin token.",
        "the token is generated at the first start and kept in DATA_DIR/admin-token."),
    unset("admin_token", "\"at-least-16-characters\"", "The admin token itself; not together with admin_token_file.",
        "a file or a secret store is a better place."),
    unset("read_token", "\"another-16-characters\"", "A token of the management API that may only read.",
        "people who need one get a named token (muster token create)."),
    with_default("log", "\"info\"", "Log filter: error, warn, info, debug, or one like \"info,muster_store=debug\".",
        "a line for each request; probes and /metrics are logged at debug."),
    with_default("dev", "false", "Demo mode: workspace DEMO with a known key, identity resolution on, no rate limits.",
        "that key is public."),
    with_default("accept_loss", "false", "Accept a workspace whose write-ahead log lost its end in a crash of the machine.",
        "acknowledged data must not be lost without anybody noticing. Set it for one start."),
    with_default("accept_catalogue", "false", "Accept a catalogue that was lost, or that is older than the copies that workspaces keep.",
        "settings and keys would silently return to an older state. Set it for one start."),
    with_default("accept_clock", "false", "Accept the clock although it is behind stored times, far ahead of them, or has jumped.",
        "wrong times are stored permanently. Set it for one start."),
    unset("exit_when_poisoned", "true", "Exit with code 74 when the storage cannot be written until a restart.",
        "it is true under systemd, which restarts the server; otherwise it is false, so that you can examine the running server."),
];

/// Returns the known name that is spelled most like this one.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> &'n str {
    let likeness = |known: &&str| strsim::jaro_winkler(known, name);
    known.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}
