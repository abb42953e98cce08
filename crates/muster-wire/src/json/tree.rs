//! A body that was read: values that borrow from the body, each with its bytes there.

use std::borrow::Cow;
use std::ops::Range;

/// A body that was read.
#[derive(Debug)]
pub struct Document<'a> {
    /// The outermost value.
    pub root: Node<'a>,
    /// What was noted in it.
    pub places: NotedPlaces,
}

/// What is noted while reading, as places in the body.
#[derive(Debug, Default)]
pub struct NotedPlaces {
    /// Where the first repeated member name of each object is; ascending.
    pub doubled: Vec<u32>,
    /// Where strings with U+0000 are, names among them; ascending.
    pub nuls: Vec<u32>,
    /// Where strings with an escape of half a surrogate pair are, names among them; ascending. It is read as U+FFFD.
    pub unpaired: Vec<u32>,
}

/// A value and its bytes in the body.
#[derive(Debug)]
pub struct Node<'a> {
    /// The value.
    pub json: Json<'a>,
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

/// A value.
#[derive(Debug)]
pub enum Json<'a> {
    /// null.
    Null,
    /// true or false.
    Boolean(bool),
    /// The text of a number; [`super::number()`] reads it.
    Number(&'a str),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    Array(Box<[Node<'a>]>),
    /// An object; a name may be there twice, see [`NotedPlaces::doubled`].
    Object(Box<[JsonMember<'a>]>),
}

/// A member of an object.
#[derive(Debug)]
pub struct JsonMember<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Where the name is in the body.
    pub at: u32,
    /// Its value.
    pub value: Node<'a>,
}

/// The body is not JSON, not UTF-8, or nested too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The byte from which on it cannot be read; the length of the body if it ends too early.
    pub offset: usize,
    /// A whole JSON document ends before it: what follows is too much.
    pub is_after_value: bool,
}

impl<'a> Node<'a> {
    /// Its bytes in the body.
    pub fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The first of these places ([`NotedPlaces`]) that lies in it.
    pub fn first_of(&self, places: &[u32]) -> Option<u32> {
        let next = places.get(places.partition_point(|at| *at < self.start))?;
        (*next < self.end).then_some(*next)
    }

    /// A member by name; None also if this is not an object. Null counts as a member.
    pub fn member(&self, name: &str) -> Option<&Node<'a>> {
        match &self.json {
            Json::Object(members) => members.iter().find(|m| m.name == name).map(|m| &m.value),
            _ => None,
        }
    }

    /// The members of an object. An empty array has none: languages without a type for objects, like PHP, write an empty
    /// object so (behaviour.md 1.2.a). None for anything else.
    pub fn members(&self) -> Option<&[JsonMember<'a>]> {
        match &self.json {
            Json::Object(members) => Some(members),
            Json::Array(items) if items.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// A member by name that is not null.
    pub fn some(&self, name: &str) -> Option<&Node<'a>> {
        self.member(name).filter(|value| !matches!(value.json, Json::Null))
    }
}
