//! A small HTTP client that sends exactly what a test says: a socket, requests as bytes, answers read by their length.

use serde_json::Value as Json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header, by its lower-case name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or(Json::Null)
    }

    /// The envelope without its request id, which is drawn at random.
    pub(crate) fn refusal(&self) -> (u16, Json) {
        let mut json = self.json();
        if let Some(error) = json["error"].as_object_mut() {
            let id = error.remove("request_id").unwrap();
            assert!(id.as_str().unwrap().len() == 8, "{id}");
        }
        (self.status, json)
    }

    /// Status and `error.type`: which check refused it.
    pub(crate) fn check(&self) -> (u16, String) {
        let json = self.json();
        (self.status, json["error"]["type"].as_str().unwrap_or_default().to_owned())
    }
}

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes as they are; it is fine if the server has closed its side.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _closed = self.stream.write_all(bytes);
    }

    /// Sends bytes; an error if the server closed, or took nothing for too long.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// With another time-out for answers.
    pub(crate) fn patience(self, time: Duration) -> Self {
        self.stream.set_read_timeout(Some(time)).unwrap();
        self
    }

    /// Whether the server ends the connection, having said whatever it said.
    pub(crate) fn is_ended(&mut self) -> bool {
        self.stream.read_to_end(&mut self.unread).is_ok()
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&mut self) {
        let _closed = self.stream.shutdown(std::net::Shutdown::Write);
    }

    pub(crate) fn call(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: muster.test\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || method == "POST" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        self.send(format!("{head}\r\n").as_bytes());
        self.send(body);
        let answer = self.next(method == "HEAD").expect("an answer");
        crate::schemas::check(method, target, &answer);
        answer
    }

    /// The next answer; None if the server closes instead.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        self.next(false)
    }

    /// The next answer; that of a HEAD request has no body, whatever length it tells.
    fn next(&mut self, is_head: bool) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.more()?;
        };
        let head = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
        let headers: Vec<(String, String)> = lines.filter_map(header).collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").filter(|_| !is_head).map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            self.more()?;
        }
        answer.body = self.unread.drain(..length).collect();
        Some(answer)
    }

    /// Reads on until a string was sent; returns all up to its last byte. None if the server ends the connection before.
    pub(crate) fn until(&mut self, text: &str) -> Option<String> {
        let end = loop {
            if let Some(at) = self.unread.windows(text.len()).position(|window| window == text.as_bytes()) {
                break at + text.len();
            }
            self.more()?;
        };
        Some(String::from_utf8_lossy(&self.unread.drain(..end).collect::<Vec<u8>>()).into_owned())
    }

    fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 65_536];
        let got = self.stream.read(&mut buffer).ok().filter(|got| *got > 0)?;
        self.unread.extend_from_slice(&buffer[..got]);
        Some(())
    }
}
