//! HTTP/2 by hand (RFC 9113): frames as a test writes them, right or wrong, and what the server sends. Headers are written
//! without compression; of an answer's headers the status alone is read.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// Of SETTINGS and PING.
pub(crate) const ACK: u8 = 1;

pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 6;

/// The window of a connection before anybody widens it.
pub(crate) const DEFAULT_WINDOW: u64 = 65_535;

#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The number that a WINDOW_UPDATE or a RST_STREAM tells.
    pub(crate) fn number(&self) -> u64 {
        self.payload.iter().take(4).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// The code of a GOAWAY.
    pub(crate) fn code(&self) -> u64 {
        self.payload.iter().skip(4).take(4).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// What SETTINGS say.
    pub(crate) fn settings(&self) -> HashMap<u16, u32> {
        let pair = |six: &[u8]| {
            let name = u16::from_be_bytes([six[0], six[1]]);
            (name, u32::from_be_bytes([six[2], six[3], six[4], six[5]]))
        };
        self.payload.chunks_exact(6).map(pair).collect()
    }

    /// The status of an answer's HEADERS: that of the static table, or a literal of digits.
    pub(crate) fn status(&self) -> Option<u16> {
        const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
        // Updates of the table's size may stand before it.
        let at = self.payload.iter().position(|byte| byte & 0xe0 != 0x20)?;
        let rest = &self.payload[at..];
        match *rest.first()? {
            indexed @ 0x88..=0x8e => Some(INDEXED[usize::from(indexed - 0x88)]),
            // A literal, its name from the static table: 8 is `:status`.
            0x48 | 0x08 | 0x18 => digits(rest.get(1..)?),
            _ => None,
        }
    }
}

/// A number as a string of HPACK: plain, or in the Huffman code of RFC 7541.
fn digits(string: &[u8]) -> Option<u16> {
    let length = usize::from(string.first()? & 0x7f);
    let bytes = string.get(1..=length)?;
    if string[0] & 0x80 == 0 {
        return std::str::from_utf8(bytes).ok()?.parse().ok();
    }
    let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let five = (0..5).try_fold(0, |sum, _| Some(sum << 1 | bits.next()?))?;
        // 0 to 2 have five bits, 3 to 9 six, from 011001 on.
        let digit = if five < 3 { five } else { (five << 1 | bits.next()?) - 0x19 + 3 };
        number = number * 10 + digit;
    }
    Some(number)
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A block of headers, each a literal with a new name that is not to be remembered.
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let field = |(name, value): &(&str, &str)| [vec![0], string(name), string(value)].concat();
    headers.iter().flat_map(field).collect()
}

/// Encodes a string for HPACK: its length, then its bytes.
fn string(text: &str) -> Vec<u8> {
    let mut coded = Vec::new();
    if text.len() < 127 {
        coded.push(u8::try_from(text.len()).unwrap());
    } else {
        coded.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            coded.push(u8::try_from(rest % 128 + 128).unwrap());
            rest /= 128;
        }
        coded.push(u8::try_from(rest).unwrap());
    }
    coded.extend_from_slice(text.as_bytes());
    coded
}

/// The headers that every request has.
pub(crate) fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":path", path), (":scheme", "http"), (":authority", "muster.test")]
}

/// A connection that speaks HTTP/2 from its first byte.
pub(crate) struct Http2 {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Http2 {
    /// Says the preface and these settings.
    pub(crate) fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        let pair = |(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
        let settings: Vec<u8> = settings.iter().flat_map(pair).collect();
        let mut connection = Self { stream, unread: Vec::new() };
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        connection.send(&frame(SETTINGS, 0, 0, &settings));
        connection
    }

    /// Sends bytes; whether the server has not closed.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Begins a request, with `END_STREAM` a whole one.
    pub(crate) fn begin(&mut self, stream: u32, headers: &[(&str, &str)], flags: u8) -> bool {
        self.send(&frame(HEADERS, END_HEADERS | flags, stream, &block(headers)))
    }

    /// The next frame; None if the server ends the connection. Settings and pings are answered.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let frame = self.next_as_it_is()?;
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => _ = self.send(&self::frame(SETTINGS, ACK, 0, &[])),
            PING if frame.flags & ACK == 0 => _ = self.send(&self::frame(PING, ACK, 0, &frame.payload)),
            _ => {}
        }
        Some(frame)
    }

    /// The next frame, answered by nobody.
    pub(crate) fn next_as_it_is(&mut self) -> Option<Frame> {
        loop {
            if let Some(head) = self.unread.get(..9) {
                let length = head[..3].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                if self.unread.len() >= 9 + length {
                    let whole: Vec<u8> = self.unread.drain(..9 + length).collect();
                    let stream = u32::from_be_bytes([whole[5], whole[6], whole[7], whole[8]]) & 0x7fff_ffff;
                    return Some(Frame { kind: whole[3], flags: whole[4], stream, payload: whole[9..].to_vec() });
                }
            }
            let mut buffer = [0; 16_384];
            let got = self.stream.read(&mut buffer).ok().filter(|got| *got > 0)?;
            self.unread.extend_from_slice(&buffer[..got]);
        }
    }

    /// The first frame that fits, of those that come before the server ends the connection.
    pub(crate) fn until(&mut self, mut fits: impl FnMut(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if fits(&frame) {
                return Some(frame);
            }
        }
    }

    /// The status of the answer to a request that was sent.
    pub(crate) fn status(&mut self, stream: u32) -> Option<u16> {
        self.until(|frame| frame.kind == HEADERS && frame.stream == stream)?.status()
    }

    /// Whether the server ends the connection, whatever it says before.
    pub(crate) fn is_ended(&mut self) -> bool {
        while self.next().is_some() {}
        // A time-out is not the end.
        self.stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let read = self.stream.read(&mut [0; 1]);
        !read.is_err_and(|error| matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
    }
}
