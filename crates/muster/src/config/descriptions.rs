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

/// Returns the known name that is spelled most like this one.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> &'n str {
    let likeness = |known: &&str| strsim::jaro_winkler(known, name);
    known.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}
