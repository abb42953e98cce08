//! Reads the body of an import into commands. This conversion is the validation (behaviour.md 1.2): afterwards shape
//! and lengths are within their limits; checks against stored data are left to the rules.
//!
//! This file reads the envelope and chooses between refusing all and refusing one element. `element` reads elements,
//! `keys` identifiers, `time` times, and `customer`, `event` and `device` one type of element each.

mod attributes;
mod context;
mod customer;
mod device;
mod element;
mod event;
mod fields;
mod findings;
mod keys;
mod spoiled;
mod time;

use super::failure::Failure;
use super::faults::Lenient;
use super::malformed;
use crate::json::{self, Document, Json, Node};
use crate::path::Path;
use context::ElementContext;
pub use context::ReadContext;
use muster_core::command::{Body, Element};
use muster_core::kinds::Route;
use muster_core::limits::FAULTS_MAX;
use muster_core::reason::{Fault, Faults};
use std::ops::Range;

/// The member of the envelope that holds the elements.
const ELEMENTS: &str = "elements";

/// A body that was read.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The elements in order.
    pub elements: Vec<Element>,
    /// The bytes of each element in the body.
    pub spans: Vec<Range<usize>>,
}

/// Why a body as a whole is refused: 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A fault of the envelope.
    Failure(Failure),
    /// All structural faults of the elements, at most 1,000, in the order of behaviour.md 1.2; not empty. With what a
    /// lenient request would have stored.
    Faults(Vec<Fault>, Lenient),
}

impl From<Failure> for Unreadable {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Reads the body of the bulk import, or of a Track call, whose body is its only element. Syntax is checked for the
/// whole body first.
///
/// # Errors
/// A fault of the envelope; unless lenient, all structural faults of the elements.
pub fn read(body: &[u8], context: &ReadContext) -> Result<Parsed, Unreadable> {
    if body.is_empty() {
        return Err(Failure::EmptyBody.into());
    }
    let mut gathered = Gathered { lenient: context.lenient, ..Gathered::default() };
    let document = if context.route == Route::Transition {
        let path = Path::ROOT.name(ELEMENTS);
        json::parse_items(body, ELEMENTS, &mut |node, places| {
            let index = gathered.count;
            let context = ElementContext { request: context, places };
            gathered.add(element::read(&context, node, index, &path.index(index)), node);
        })
    } else {
        json::parse(body)
    };
    let document = document.map_err(|error| Failure::Malformed(Some(malformed::place(body, error).into())))?;
    if !matches!(document.root.json, Json::Object(_)) {
        return Err(Failure::NotAnObject(malformed::hint_for(&document.root, true)).into());
    }
    if context.route == Route::Transition {
        envelope(body, &document)?;
    } else {
        let context = ElementContext { request: context, places: &document.places };
        gathered.add(element::read(&context, &document.root, 0, &Path::ROOT), &document.root);
    }
    gathered.finish()
}

/// Checks the members of the envelope. A doubled name or half a surrogate pair outside the elements is a failure.
fn envelope(body: &[u8], document: &Document) -> Result<(), Failure> {
    if let Some(place) = malformed::first_unusable(body, document) {
        return Err(Failure::Malformed(Some(place.into())));
    }
    match document.root.some("type").map(|node| &node.json) {
        None => return Err(Failure::TypeMissing),
        Some(Json::Text(text)) if text == "transition" => {}
        Some(_) => return Err(Failure::TypeWrong),
    }
    let Some(elements) = document.root.some(ELEMENTS) else { return Err(Failure::ElementsMissing) };
    match &elements.json {
        Json::Array(elements) if elements.is_empty() => Err(Failure::ElementsEmpty),
        Json::Array(_) => Ok(()),
        _ => Err(Failure::ElementsType(malformed::hint_for(elements, false))),
    }
}

/// What was read so far.
#[derive(Default)]
struct Gathered {
    lenient: bool,
    /// Elements read.
    count: usize,
    /// Elements that a lenient request would store, in whole or in part.
    storable: usize,
    elements: Vec<Element>,
    spans: Vec<Range<usize>>,
    structural: Vec<Fault>,
}

impl Gathered {
    fn add(&mut self, read: element::Read, node: &Node) {
        let element::Read { mut element, mut faults, in_action } = read;
        self.count += 1;
        if !self.lenient {
            self.collect_structural(&element.body, &faults, in_action.as_ref());
        }
        faults.extend(in_action.map(|(_, fault)| fault));
        // A refused request does not need its elements.
        if self.structural.is_empty() {
            if !faults.is_empty() {
                element.body = Err(faults.into());
            }
            self.elements.push(element);
            self.spans.push(node.span());
        }
    }

    /// Collects structural faults up to their bound, and counts what a lenient request would store.
    fn collect_structural(
        &mut self,
        body: &Result<Body, Faults>,
        faults: &[Fault],
        in_action: Option<&(usize, Fault)>,
    ) {
        let actions = match body {
            Ok(Body::Event(event)) => &event.actions[..],
            _ => &[],
        };
        let left = FAULTS_MAX - self.structural.len();
        let of_actions = actions.iter().enumerate().flat_map(|(index, action)| {
            let own = action.as_ref().err().into_iter().flatten();
            own.chain(in_action.filter(|(within, _)| *within == index).map(|(_, fault)| fault))
        });
        let structural = faults.iter().chain(of_actions).filter(|fault| fault.reason.is_structural());
        self.structural.extend(structural.take(left).cloned());
        let has_good = actions.is_empty() || actions.iter().any(Result::is_ok);
        self.storable += usize::from(faults.is_empty() && in_action.is_none() && has_good);
    }

    fn finish(self) -> Result<Parsed, Unreadable> {
        if self.structural.is_empty() {
            return Ok(Parsed { elements: self.elements, spans: self.spans });
        }
        let lenient = Lenient { stored: self.storable, of: self.count };
        Err(Unreadable::Faults(self.structural, lenient))
    }
}
