//! Owns the request bodies of the benchmark: templates of fixed length whose user numbers and event ids are patched in
//! place, so that making a body costs one copy and a few hundred digits. Leaves sending to `bench/load.rs` and
//! `bench/loader.rs`.
#![cfg_attr(not(feature = "bench"), expect(dead_code, reason = "the counts need one body, the benchmarks all of it"))]

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Elements of one full body; with them a body is about 97.8 KB, just under the documented 100 KB.
pub(crate) const ELEMENTS: usize = 294;
/// Customers per full body (30 %); the rest are events.
const CUSTOMERS: usize = 88;
/// Customers of one body of the preload, which has nothing but customers.
const PRELOAD_CUSTOMERS: usize = 200;
/// Different templates of each kind; enough that no value repeats within what a cache line or a dictionary holds.
const VARIANTS: usize = 32;
/// Digits of a user number in a body.
const USER_DIGITS: usize = 10;
/// Hexadecimal digits of an event id in a body.
const EVENT_DIGITS: usize = 16;

/// A small, fast, seeded generator (SplitMix64); statistics need no more.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator whose sequence depends on `seed` alone.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number in `0..bound`; the bias of the multiplication is far below anything measured here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("the upper half of a u128 fits a u64")
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(of.len() as u64)).expect("an index fits usize");
        of[at]
    }
}

/// Mixes 64 bits; no two numbers give the same.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Order of the ids of new users and events. Sequential ids are appended to an index, random ids are inserted anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdOrder {
    Sequential,
    Random,
}

impl IdOrder {
    /// The digits of a user's identifiers, by the user's place in the order of arrival.
    fn user(self, place: u64) -> u64 {
        match self {
            Self::Sequential => place,
            Self::Random => scatter(place),
        }
    }

    fn event(self, place: u64) -> u64 {
        match self {
            Self::Sequential => place,
            Self::Random => mix(place),
        }
    }
}

/// Scatters the numbers of ten digits over the same range by a Feistel network; no two give the same.
fn scatter(number: u64) -> u64 {
    const HALF: u64 = 100_000;
    let (mut left, mut right) = (number / HALF % HALF, number % HALF);
    for round in 0..4 {
        (left, right) = (right, (left + mix(right * 4 + round + 1) % HALF) % HALF);
    }
    left * HALF + right
}

/// The users and event ids that one workspace (or the PostgreSQL database) has seen so far.
#[derive(Debug)]
pub(crate) struct World {
    order: IdOrder,
    preloaded: u64,
    next_user: AtomicU64,
    next_event: AtomicU64,
}

impl World {
    /// An empty world that will be loaded with `preloaded` users before it is measured.
    pub(crate) fn new(preloaded: u64) -> Self {
        Self::with_order(preloaded, IdOrder::Sequential)
    }

    /// The same with ids in this order.
    pub(crate) fn with_order(preloaded: u64, order: IdOrder) -> Self {
        Self { order, preloaded, next_user: AtomicU64::new(0), next_event: AtomicU64::new(0) }
    }

    /// Returns a world that continues where this one is now, for a copy of the data.
    pub(crate) fn copy(&self) -> Self {
        let (users, events) = self.handed_out();
        let (next_user, next_event) = (AtomicU64::new(users), AtomicU64::new(events));
        Self { order: self.order, preloaded: self.preloaded, next_user, next_event }
    }

    /// Whether the preload has handed out all its users.
    pub(crate) fn is_loaded(&self) -> bool {
        self.next_user.load(Ordering::Relaxed) >= self.preloaded
    }

    /// How many users the preload makes.
    pub(crate) fn preloaded_users(&self) -> u64 {
        self.preloaded
    }

    /// How many users and events the bodies made so far name.
    pub(crate) fn handed_out(&self) -> (u64, u64) {
        (self.next_user.load(Ordering::Relaxed), self.next_event.load(Ordering::Relaxed))
    }

    /// Half of the time one of the preloaded users, uniformly; else one never seen.
    fn mixed_user(&self, rng: &mut Rng) -> u64 {
        if self.preloaded > 0 && rng.next() & 1 == 0 {
            rng.below(self.preloaded)
        } else {
            self.next_user.fetch_add(1, Ordering::Relaxed)
        }
    }
}

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 294 elements, half of the users existing.
    Full,
    /// One element, half of the users existing.
    One,
    /// Customers only, every user new.
    Preload,
}

/// Where an element's numbers stand in its template.
#[derive(Debug)]
struct Slots {
    users: Vec<usize>,
    event: Option<usize>,
}

#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    elements: Vec<Slots>,
}

/// The templates of one kind; shared by all connections.
#[derive(Debug)]
pub(crate) struct Bodies {
    kind: Kind,
    templates: Vec<Template>,
}

impl Bodies {
    /// Templates of `kind`, the same ones for the same `seed`.
    pub(crate) fn new(kind: Kind, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let templates = (0..VARIANTS).map(|_| template(kind, &mut rng)).collect();
        Self { kind, templates }
    }

    /// Whether these bodies load users into `world` and all of them are handed out.
    pub(crate) fn is_exhausted(&self, world: &World) -> bool {
        self.kind == Kind::Preload && world.is_loaded()
    }

    /// How many elements each body has.
    pub(crate) fn elements(&self) -> u64 {
        self.templates[0].elements.len() as u64
    }

    /// Appends one body, patched with users and event ids of `world`, to `out`; returns its length in bytes.
    pub(crate) fn fill(&self, world: &World, rng: &mut Rng, out: &mut Vec<u8>) -> usize {
        let template = self.choose(rng);
        self.patch(template, world, rng, out)
    }

    /// As `fill`, with an HTTP head in front: `head` (whole lines) and the body's content length.
    pub(crate) fn fill_after(&self, head: &str, world: &World, rng: &mut Rng, out: &mut Vec<u8>) -> usize {
        let template = self.choose(rng);
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"Content-Length: ");
        out.extend_from_slice(template.bytes.len().to_string().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        self.patch(template, world, rng, out)
    }

    fn choose(&self, rng: &mut Rng) -> &Template {
        let at = usize::try_from(rng.below(self.templates.len() as u64)).expect("an index fits usize");
        &self.templates[at]
    }

    fn patch(&self, template: &Template, world: &World, rng: &mut Rng, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&template.bytes);
        let body = &mut out[start..];
        for element in &template.elements {
            let user = match self.kind {
                Kind::Preload => world.next_user.fetch_add(1, Ordering::Relaxed),
                Kind::Full | Kind::One => world.mixed_user(rng),
            };
            for at in &element.users {
                decimal(world.order.user(user), &mut body[*at..*at + USER_DIGITS]);
            }
            if let Some(at) = element.event {
                let event = world.next_event.fetch_add(1, Ordering::Relaxed);
                hexadecimal(world.order.event(event), &mut body[at..at + EVENT_DIGITS]);
            }
        }
        body.len()
    }
}

fn decimal(mut number: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn hexadecimal(mut number: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn template(kind: Kind, rng: &mut Rng) -> Template {
    let mut is_customer = match kind {
        Kind::Full => (0..ELEMENTS).map(|i| i < CUSTOMERS).collect(),
        Kind::One => vec![rng.below(10) < 3],
        Kind::Preload => vec![true; PRELOAD_CUSTOMERS],
    };
    for i in (1..is_customer.len()).rev() {
        let j = usize::try_from(rng.below(i as u64 + 1)).expect("an index fits usize");
        is_customer.swap(i, j);
    }
    let mut text = String::from(r#"{"type":"transition","elements":["#);
    let mut elements = Vec::with_capacity(is_customer.len());
    for (i, customer) in is_customer.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        elements.push(if *customer { customer_element(&mut text, rng) } else { event_element(&mut text, rng) });
    }
    text.push_str("]}");
    Template { bytes: text.into_bytes(), elements }
}

/// Appends `before`, a gap of `digits` zeros and `after`; returns where the gap begins.
fn gap(text: &mut String, before: &str, digits: usize, after: &str) -> usize {
    text.push_str(before);
    let at = text.len();
    text.extend(std::iter::repeat_n('0', digits));
    text.push_str(after);
    at
}

/// A customer with three identifiers and ten attributes.
fn customer_element(text: &mut String, rng: &mut Rng) -> Slots {
    let id = gap(text, r#"{"type":"customer","customer_id":"c-"#, USER_DIGITS, r#"","attributes":{"#);
    let mobile = gap(text, r#""mobile":"+49"#, USER_DIGITS, r#"","#);
    let email = gap(text, r#""email":"user."#, USER_DIGITS, r#"@mail.example","#);
    write!(
        text,
        r#""first_name":"{}","last_name":"{}","gender":"{}","city":"{}","country":"Germany","tier":"{}","points":{},"#,
        rng.pick(&["Asha", "Katharina", "Jonas", "Mehmet", "Oluwaseun"]),
        rng.pick(&["Brandstetter", "Okafor", "Lindqvist", "Iyer", "Nakamura"]),
        rng.pick(&["female", "male"]),
        rng.pick(&["Regensburg", "Hamburg", "Leipzig", "Saarbruecken"]),
        rng.pick(&["bronze", "silver", "gold"]),
        1000 + rng.below(9000),
    )
    .expect("writing to a String never fails");
    write!(
        text,
        r#""balance":{}.{:02},"newsletter":{},"renewal_on":"2026-{:02}-{:02}T00:00:00Z"}}}}"#,
        100 + rng.below(900),
        rng.below(99) + 1,
        rng.pick(&["true", "false"]),
        1 + rng.below(12),
        1 + rng.below(28),
    )
    .expect("writing to a String never fails");
    Slots { users: vec![id, mobile, email], event: None }
}

/// An event with an event id and six attributes.
fn event_element(text: &mut String, rng: &mut Rng) -> Slots {
    let id = gap(text, r#"{"type":"event","customer_id":"c-"#, USER_DIGITS, r#"","actions":[{"action":""#);
    text.push_str(rng.pick(&["order_placed", "cart_viewed", "page_viewed", "item_rated"]));
    let event = gap(text, r#"","event_id":"e-"#, EVENT_DIGITS, r#"","attributes":{"#);
    let category = rng.pick(&["garden", "kitchen", "outdoor"]);
    let sku = rng.below(1_000_000);
    write!(
        text,
        r#""amount":{}.{:02},"currency":"EUR","sku":"K-{sku:06}","quantity":{},"category":"{category}","#,
        10 + rng.below(90),
        rng.below(99) + 1,
        1 + rng.below(9),
    )
    .expect("writing to a String never fails");
    write!(
        text,
        r#""page":"https://shop.example/{category}/k-{sku:06}?campaign=autumn-{:02}&source={}"}},"platform":"{}","current_time":{}}}]}}"#,
        rng.below(100),
        rng.pick(&["newsletter", "search", "banner"]),
        rng.pick(&["web", "ANDROID", "iOS"]),
        1_790_000_000 + rng.below(5_000_000),
    )
    .expect("writing to a String never fails");
    Slots { users: vec![id], event: Some(event) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_body_is_json_of_the_stated_shape_and_size() {
        let (bodies, world) = (Bodies::new(Kind::Full, 1), World::new(1000));
        let mut out = Vec::new();
        let length = bodies.fill(&world, &mut Rng::new(2), &mut out);
        let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let elements = parsed["elements"].as_array().unwrap();
        let customers = elements.iter().filter(|e| e["type"] == "customer").count();
        assert_eq!((elements.len(), customers), (ELEMENTS, CUSTOMERS));
        assert!((96_000..=100_000).contains(&length), "a body has {length} bytes");
        let attributes = |of: &serde_json::Value| of.as_object().unwrap().len();
        for element in elements {
            match element["type"].as_str() {
                Some("customer") => assert_eq!(attributes(&element["attributes"]), 12, "ten and two identifiers"),
                _ => assert_eq!(attributes(&element["actions"][0]["attributes"]), 6),
            }
        }
    }

    #[test]
    fn a_preload_hands_out_every_user_once() {
        let (bodies, world) = (Bodies::new(Kind::Preload, 1), World::new(PRELOAD_CUSTOMERS as u64));
        let mut out = Vec::new();
        assert!(!world.is_loaded());
        bodies.fill(&world, &mut Rng::new(2), &mut out);
        assert!(world.is_loaded());
        let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let ids: Vec<_> = parsed["elements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["customer_id"].as_str().unwrap().to_owned())
            .collect();
        let want: Vec<_> = (0..PRELOAD_CUSTOMERS).map(|n| format!("c-{n:010}")).collect();
        assert_eq!(ids, want);
    }
    #[test]
    fn random_ids_repeat_no_id_and_have_no_order() {
        let ids = |of: fn(IdOrder, u64) -> u64| (0..100_000).map(|n| of(IdOrder::Random, n)).collect::<Vec<_>>();
        for ids in [ids(IdOrder::user), ids(IdOrder::event)] {
            let ascending = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
            assert!((49_000..=51_000).contains(&ascending), "{ascending} of 99,999 ids are above the one before");
            let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len());
        }
        assert!((0..100_000).all(|n| IdOrder::Random.user(n) < 10_000_000_000), "a user id has ten digits");
    }
}
