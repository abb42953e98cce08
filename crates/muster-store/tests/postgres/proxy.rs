//! A proxy before the database that cuts a connection around a commit.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Where the connection is cut.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Cut {
    /// The server has the commit, and its answer goes nowhere.
    AfterCommit = 1,
    /// The server never sees the commit.
    BeforeCommit = 2,
}

/// The proxy.
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<State>,
    _folder: TempDir,
}

#[derive(Default)]
struct State {
    /// What is cut next; 0 = nothing.
    next: AtomicU8,
    cuts: AtomicUsize,
}

impl Proxy {
    /// Starts one before the database with this address, whose host is a folder with a socket.
    pub(crate) fn start(url: &str) -> Self {
        let host = url.split_once('@').unwrap().1.split('/').next().unwrap();
        let real = format!("{}/.s.PGSQL.5432", host.replace("%2F", "/"));
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let state = Arc::<State>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = UnixStream::connect(&real).unwrap();
                let (to_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || forward(from_server, to_client));
                let shared = shared.clone();
                std::thread::spawn(move || shared.forward_client(client, server));
            }
        });
        let own = folder.path().to_str().unwrap().replace('/', "%2F");
        Self { url: url.replacen(host, &own, 1), state, _folder: folder }
    }

    /// Cuts the connection of the next commit.
    pub(crate) fn cut_next(&self, cut: Cut) {
        self.state.next.store(cut as u8, Ordering::SeqCst);
    }

    /// How many were cut.
    pub(crate) fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

fn forward(mut from: UnixStream, mut to: UnixStream) {
    let _ended = std::io::copy(&mut from, &mut to);
    let _gone = to.shutdown(Shutdown::Both);
}

impl State {
    fn forward_client(&self, mut client: UnixStream, mut server: UnixStream) {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(read @ 1..) = client.read(&mut bytes) {
            let sent = &bytes[..read];
            let is_commit = sent.windows(7).any(|part| part == b"COMMIT\0");
            match if is_commit { self.next.swap(0, Ordering::SeqCst) } else { 0 } {
                0 => server.write_all(sent).unwrap_or_default(),
                cut => {
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                    // The answer may not even begin to arrive.
                    let _gone = client.shutdown(Shutdown::Both);
                    if cut == Cut::AfterCommit as u8 {
                        server.write_all(sent).unwrap_or_default();
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    let _gone = server.shutdown(Shutdown::Both);
                    return;
                }
            }
        }
        let _gone = server.shutdown(Shutdown::Both);
    }
}
