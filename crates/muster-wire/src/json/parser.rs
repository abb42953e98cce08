//! The parser. Recursive: its depth is that of the body, which is bounded.

use super::number::number_len;
use super::tree::{Document, Json, JsonMember, Malformed, Node, NotedPlaces};
use muster_core::limits::NESTING_MAX;
use std::borrow::Cow;

/// Objects of at most this many members are searched for doubled names pair by pair, larger ones by sorting.
const PAIRS_MAX: usize = 16;

/// Reads a body.
///
/// # Errors
/// [`Malformed`]; also for a byte order mark and for bodies of 4 GiB and more.
pub fn parse(body: &[u8]) -> Result<Document<'_>, Malformed> {
    document(text(body)?, None)
}

fn text(body: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(body).map_err(|error| Malformed { offset: error.valid_up_to(), is_after_value: false })
}

/// Reads a body and hands over the items of the array that is this member of the outermost object, each as soon as it
/// is read, with its notes, so that a long body is never in memory as one tree. The returned document has nulls in
/// place of the items and none of their notes. If the body is malformed or has the member twice, ignore the items that
/// were handed over.
///
/// # Errors
/// As [`parse`].
pub fn parse_items<'a>(
    body: &'a [u8],
    member: &str,
    to: &mut dyn FnMut(&Node<'a>, &NotedPlaces),
) -> Result<Document<'a>, Malformed> {
    document(text(body)?, Some(Hand { member, to }))
}

/// The receiver of the items of one array, and the name of that member of the outermost object.
struct Hand<'a, 'h> {
    member: &'h str,
    to: &'h mut dyn FnMut(&Node<'a>, &NotedPlaces),
}

/// Reading stops at the place that the parser has reached.
struct Stop;

struct Parser<'a, 'h> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// Items of the arrays that are still open, so that each array is allocated once, in its size.
    nodes: Vec<Node<'a>>,
    /// Members of the objects that are still open.
    members: Vec<JsonMember<'a>>,
    places: NotedPlaces,
    hand: Option<Hand<'a, 'h>>,
}

fn document<'a>(text: &'a str, hand: Option<Hand<'a, '_>>) -> Result<Document<'a>, Malformed> {
    if u32::try_from(text.len()).is_err() {
        return Err(Malformed { offset: text.len(), is_after_value: false });
    }
    let (nodes, members) = (Vec::with_capacity(16), Vec::with_capacity(16));
    let places = NotedPlaces::default();
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, depth: 0, nodes, members, places, hand };
    let Ok(root) = parser.value() else { return Err(Malformed { offset: parser.at, is_after_value: false }) };
    parser.blanks();
    if parser.at != text.len() {
        return Err(Malformed { offset: parser.at, is_after_value: true });
    }
    parser.places.doubled.sort_unstable();
    Ok(Document { root, places: parser.places })
}

/// Notes a string once, however often it holds what is noted.
fn note(places: &mut Vec<u32>, string: u32) {
    if places.last() != Some(&string) {
        places.push(string);
    }
}

/// A place in the body; [`document`] has checked that all fit.
#[expect(clippy::cast_possible_truncation, reason = "bodies of 4 GiB and more were refused")]
fn place(at: usize) -> u32 {
    at as u32
}

impl<'a> Parser<'a, '_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes one byte, after blanks.
    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        self.blanks();
        if self.peek() != Some(byte) {
            return Err(Stop);
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self) -> Result<Node<'a>, Stop> {
        self.blanks();
        let start = self.at;
        let json = match self.peek().ok_or(Stop)? {
            b'{' => self.read_container(Self::object)?,
            b'[' => self.read_container(Self::array)?,
            b'"' => Json::Text(self.string()?),
            b't' => self.word("true", Json::Boolean(true))?,
            b'f' => self.word("false", Json::Boolean(false))?,
            b'n' => self.word("null", Json::Null)?,
            _ => {
                self.at += number_len(&self.bytes[start..]).ok_or(Stop)?;
                Json::Number(&self.text[start..self.at])
            }
        };
        Ok(Node { json, start: place(start), end: place(self.at) })
    }

    fn word(&mut self, word: &str, json: Json<'a>) -> Result<Json<'a>, Stop> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Stop);
        }
        self.at += word.len();
        Ok(json)
    }

    /// Reads a container, whose opening byte is next.
    fn read_container(&mut self, read: fn(&mut Self) -> Result<Json<'a>, Stop>) -> Result<Json<'a>, Stop> {
        if self.depth == NESTING_MAX {
            return Err(Stop);
        }
        self.depth += 1;
        self.at += 1;
        self.blanks();
        let json = read(self)?;
        self.depth -= 1;
        Ok(json)
    }

    /// After an item: another one follows (true), or the container is closed.
    fn has_next(&mut self, close: u8) -> Result<bool, Stop> {
        self.blanks();
        let follows = match self.peek() {
            Some(b',') => true,
            Some(byte) if byte == close => false,
            _ => return Err(Stop),
        };
        self.at += 1;
        Ok(follows)
    }

    fn array(&mut self) -> Result<Json<'a>, Stop> {
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(Box::default()));
        }
        let base = self.nodes.len();
        loop {
            let node = self.value()?;
            self.nodes.push(node);
            if !self.has_next(b']')? {
                return Ok(Json::Array(self.nodes.drain(base..).collect()));
            }
        }
    }

    /// Reads a value. If it is an array, its items are handed over, and the tree has nulls in their places.
    fn hand_over_items(&mut self) -> Result<Node<'a>, Stop> {
        self.blanks();
        if self.peek() != Some(b'[') {
            return self.value();
        }
        let start = self.at;
        let json = self.read_container(Self::hand_over_array)?;
        Ok(Node { json, start: place(start), end: place(self.at) })
    }

    fn hand_over_array(&mut self) -> Result<Json<'a>, Stop> {
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(Box::default()));
        }
        let mut nulls = Vec::new();
        loop {
            // Notes from before the item are put back after it; those of the item are handed over with it.
            let outside = std::mem::take(&mut self.places);
            let node = self.value()?;
            self.places.doubled.sort_unstable();
            if let Some(hand) = &mut self.hand {
                (hand.to)(&node, &self.places);
            }
            self.places = outside;
            nulls.push(Node { json: Json::Null, start: node.start, end: node.end });
            if !self.has_next(b']')? {
                return Ok(Json::Array(nulls.into()));
            }
        }
    }

    fn object(&mut self) -> Result<Json<'a>, Stop> {
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(Box::default()));
        }
        let base = self.members.len();
        loop {
            self.blanks();
            let at = place(self.at);
            if self.peek() != Some(b'"') {
                return Err(Stop);
            }
            let name = self.string()?;
            self.expect(b':')?;
            let value = if self.depth == 1 && self.hand.as_ref().is_some_and(|hand| hand.member == name) {
                self.hand_over_items()?
            } else {
                self.value()?
            };
            self.members.push(JsonMember { name, at, value });
            if !self.has_next(b'}')? {
                break;
            }
        }
        let doubled = first_doubled(&self.members[base..]);
        self.places.doubled.extend(doubled);
        Ok(Json::Object(self.members.drain(base..).collect()))
    }

    /// Reads a string, whose opening quote is next.
    fn string(&mut self) -> Result<Cow<'a, str>, Stop> {
        let start = self.at;
        self.at += 1;
        let plain = self.plain()?;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        while self.peek() == Some(b'\\') {
            let escape = self.at;
            self.at += 1;
            let Ok(read) = self.escape() else {
                self.at = escape;
                return Err(Stop);
            };
            text.push(read.unwrap_or(char::REPLACEMENT_CHARACTER));
            match read {
                Some('\0') => note(&mut self.places.nuls, place(start)),
                None => note(&mut self.places.unpaired, place(start)),
                Some(_) => {}
            }
            text.push_str(self.plain()?);
        }
        self.at += 1;
        Ok(Cow::Owned(text))
    }

    /// What comes before the next quote or backslash, which must be there.
    fn plain(&mut self) -> Result<&'a str, Stop> {
        let (start, rest) = (self.at, &self.bytes[self.at..]);
        let Some(len) = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=31)) else {
            self.at = self.bytes.len();
            return Err(Stop);
        };
        self.at += len;
        if rest[len] < b' ' {
            return Err(Stop);
        }
        Ok(&self.text[start..self.at])
    }

    /// Reads an escape after its backslash; None for half a surrogate pair, without what follows it.
    fn escape(&mut self) -> Result<Option<char>, Stop> {
        let byte = self.peek().ok_or(Stop)?;
        self.at += 1;
        Ok(Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                // A surrogate by itself is not a character.
                let Some(c) = char::from_u32(first) else { return self.other_half(first) };
                c
            }
            _ => return Err(Stop),
        }))
    }

    /// Reads the escape that makes a pair with this surrogate; leaves what makes none.
    fn other_half(&mut self, first: u32) -> Result<Option<char>, Stop> {
        let after_first = self.at;
        if first >= 0xdc00 || !self.bytes[self.at..].starts_with(b"\\u") {
            return Ok(None);
        }
        self.at += 2;
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            self.at = after_first;
            return Ok(None);
        }
        Ok(char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)))
    }

    fn hex(&mut self) -> Result<u32, Stop> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Stop)?;
        self.at += 4;
        digits.iter().try_fold(0, |n, b| char::from(*b).to_digit(16).map(|d| n * 16 + d)).ok_or(Stop)
    }
}

/// The place of the first member whose name an earlier member has.
fn first_doubled(members: &[JsonMember]) -> Option<u32> {
    if members.len() <= PAIRS_MAX {
        let repeats =
            |(n, member): (usize, &JsonMember)| members[..n].iter().any(|m| m.name == member.name).then_some(member.at);
        return members.iter().enumerate().find_map(repeats);
    }
    let mut names: Vec<(&str, u32)> = members.iter().map(|m| (&*m.name, m.at)).collect();
    names.sort_unstable();
    names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min()
}
