//! The same API over TLS, with a certificate made for the test.

use crate::world::{ADMIN_TOKEN, World, comes_true, pause};
use muster_server::serve::Tls;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

/// One request over TLS, trusting this certificate alone; the bytes of the answer.
fn call(world: &World, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(config, name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(world.address)?);
    let head = "GET /api/v1/workspaces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    write!(stream, "{head}Authorization: Bearer {ADMIN_TOKEN}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

// Fails when `run` in `connection/serving.rs` shakes no hands although certificates are given.
#[test]
fn with_a_certificate_the_server_speaks_tls_and_nothing_else() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::read(&certificate, &key).unwrap();
    let world = World::with(|_| {}, |listening| listening.tls = Some(tls));
    let answer = call(&world, made.cert.der()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"items":[],"next_cursor":null}"#), "{answer}");
    assert!(call(&world, other.cert.der()).is_err(), "a certificate that is not trusted is not taken");
    let mut plain = TcpStream::connect(world.address).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut told = Vec::new();
    // The server closes: with an alert or a reset, never with an answer.
    let _closed = plain.read_to_end(&mut told);
    assert!(!told.starts_with(b"HTTP/"), "a request in the clear is not answered");
}

// Fails when `watch` does not wait to be told, or `reload` swaps nothing, or swaps before it knows that the files are good.
#[test]
fn certificates_are_read_again_when_the_server_is_told_and_files_that_cannot_be_used_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (first, second) = (made(), made());
    let write = |text: &str, secret: &str| {
        std::fs::write(&certificate, text).unwrap();
        std::fs::write(&key, secret).unwrap();
    };
    write(&first.cert.pem(), &first.signing_key.serialize_pem());
    let tls = Tls::read(&certificate, &key).unwrap();
    let reload = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&reload);
    let world = World::with(|_| {}, |listening| (listening.tls, listening.reload) = (Some(tls), told));
    assert!(call(&world, first.cert.der()).is_ok());
    // A certificate with the key of another.
    write(&second.cert.pem(), &first.signing_key.serialize_pem());
    reload.notify_one();
    pause();
    pause();
    assert!(call(&world, first.cert.der()).is_ok());
    write(&second.cert.pem(), &second.signing_key.serialize_pem());
    reload.notify_one();
    assert!(comes_true(|| call(&world, second.cert.der()).is_ok()));
    assert!(call(&world, first.cert.der()).is_err());
}
