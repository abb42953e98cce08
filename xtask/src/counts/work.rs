//! Owns the work whose instructions are counted: one body of the import benchmark is read, decided with all facts
//! present, and its rows are written and read by the codecs. Each of these is a piece of work of its own.

use crate::bodies::{Bodies, Kind, Rng, World};
use anyhow::{Result, anyhow, bail, ensure};
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::command::Import;
use muster_core::decide::{ImportDecision, Wire};
use muster_core::decision::{Decision, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind, KindSettings};
use muster_core::kinds::Route;
use muster_core::outcome::{Applied, RecordedAnswer};
use muster_core::record::{MemberRecord, RootPointer, TreeTotals, Write};
use muster_core::settings::{Identity, RateLimits, Settings};
use muster_core::time::{Moment, Timestamp};
use muster_core::value::Value;
use muster_core::warning::Warnings;
use muster_store::codec::{Record, row_sum};
use muster_wire::data::transition::{self, ReadContext};
use muster_wire::zone::Zone;
use std::hint::black_box;
use std::sync::Arc;

/// Users that exist; half of the elements are about one of them.
pub(super) const EXISTING: u64 = 1_000;
/// After the newest event of the bodies.
const NOW: Timestamp = Timestamp(1_796_000_000_000);

/// Writes no answer.
pub(super) struct Quiet;

impl Wire for Quiet {
    fn answer(&self, _: &Applied) -> RecordedAnswer {
        RecordedAnswer { status: 200, outcomes: "".into(), body: Arc::from(&b""[..]) }
    }

    fn quarantined_json(&self, _: u32, _: Option<&[u32]>) -> Box<[u8]> {
        Box::default()
    }
}

/// Does the named piece of work this many times.
pub(super) fn run(name: &str, rounds: u64) -> Result<()> {
    let (body, context) = (body()?, context());
    if name == "parse" {
        return repeat(rounds, || read(&body, &context).map(drop));
    }
    let decision = ImportDecision { import: import(&body, &context)?, wire: Quiet };
    let (facts, changes) = load(&decision)?;
    match name {
        "decide" => repeat(rounds, || {
            let step = decision.decide(&facts, moment());
            ensure!(matches!(black_box(step), Step::Done(..)), "a decision lacks facts");
            Ok(())
        }),
        "encode" => {
            let rows = codec_rows(&changes);
            repeat(rounds, || {
                let sum = rows.iter().map(|row| (row.encode)()).fold(0, i64::wrapping_add);
                ensure!(black_box(sum) != 0, "no row was written");
                Ok(())
            })
        }
        "decode" => {
            let rows = codec_rows(&changes);
            repeat(rounds, || {
                ensure!(rows.iter().all(|row| (row.decode)()), "a row cannot be read");
                Ok(())
            })
        }
        other => bail!("there is no work named {other:?}"),
    }
}

fn repeat(rounds: u64, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    (0..rounds).try_for_each(|_| work())
}

/// A body of a world in which the first users exist.
fn body() -> Result<Vec<u8>> {
    let (world, mut rng, mut body) = (World::new(EXISTING), Rng::new(1), Vec::new());
    preload(&world, &mut rng, |_| Ok(()))?;
    ensure!(world.handed_out().0 == EXISTING, "the preload has other users than those that exist");
    Bodies::new(Kind::Full, 1).fill(&world, &mut rng, &mut body);
    Ok(body)
}

/// Gives the bodies that load the users of a world.
pub(super) fn preload(world: &World, rng: &mut Rng, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let (bodies, mut body) = (Bodies::new(Kind::Preload, 1), Vec::new());
    while !bodies.is_exhausted(world) {
        body.clear();
        bodies.fill(world, rng, &mut body);
        each(&body)?;
    }
    Ok(())
}

/// Settings of the benchmark: customer id, mobile and email identify, nothing limits.
pub(super) fn context() -> ReadContext {
    let kinds = ["customer_id", "mobile", "email"].map(KindSettings::plain).to_vec();
    let identity = Identity { enabled: true, kinds, ..Identity::off() };
    let limits = RateLimits { users: 0, events: 0, devices: 0 };
    ReadContext {
        route: Route::Transition,
        settings: Arc::new(Settings { identity, limits, ..Settings::default() }),
        lenient: false,
        null_clears: false,
        parity: false,
        zone: Zone::UTC,
        received_at: NOW,
    }
}

fn moment() -> Moment {
    Moment { at: NOW, micros: NOW.0.unsigned_abs() * 1_000 }
}

fn read(body: &[u8], context: &ReadContext) -> Result<Vec<muster_core::command::Element>> {
    let parsed = transition::read(body, context).map_err(|fault| anyhow!("the body was refused: {fault:?}"))?;
    Ok(black_box(parsed).elements)
}

pub(super) fn import(body: &[u8], context: &ReadContext) -> Result<Import> {
    import_of(read(body, context)?, body, context)
}

/// Returns the import of the elements of a body, as a plain request makes it.
pub(crate) fn import_of(
    elements: Vec<muster_core::command::Element>,
    body: &[u8],
    context: &ReadContext,
) -> Result<Import> {
    Ok(Import {
        route: Route::Transition,
        settings: Arc::clone(&context.settings),
        all_or_nothing: false,
        dry: false,
        elements,
        origin: None,
        warnings: Warnings::default(),
        bytes: u32::try_from(body.len())?,
        arrived_micros: 0,
        idempotency: None,
        replay: None,
    })
}

/// Returns the facts that the decision needs, and its changes.
fn load(decision: &ImportDecision<Quiet>) -> Result<(Facts, Changes)> {
    let revision = decision.import.settings.revision;
    let mut facts = Facts { settings_revision: revision, ..Facts::default() };
    facts.counters.profile = EXISTING;
    let mut needs = decision.needs();
    for _ in 0..decision.rounds() {
        answer(&needs, &mut facts)?;
        match decision.decide(&facts, moment()) {
            Step::NeedMore(more) => needs = more,
            Step::Done(changes, _) => return Ok((facts, changes)),
            Step::Leave(_) | Step::TooLarge => bail!("the body was not applied"),
        }
    }
    bail!("the decision asked for facts too often")
}

/// Adds what is needed: users below `EXISTING` are stored, all else is new.
fn answer(needs: &Needs, facts: &mut Facts) -> Result<()> {
    for need in &needs.bindings {
        let place = user_place(&need.identifier).filter(|place| *place < EXISTING);
        if let Some(place) = place {
            add_existing(facts, place);
        }
        let no = place.map(|place| ProfileNo(place + 1));
        facts.bindings.insert(need.identifier.clone(), no);
    }
    for id in &needs.event_ids {
        facts.event_ids.insert(id.clone(), None);
    }
    let rest = Needs { bindings: Vec::new(), event_ids: Vec::new(), ..needs.clone() };
    ensure!(rest.is_empty(), "the work has no facts for {rest:?}");
    Ok(())
}

/// The user of an identifier, by its digits.
fn user_place(identifier: &Identifier) -> Option<u64> {
    let digits: String = identifier.value.chars().filter(char::is_ascii_digit).collect();
    digits.get(digits.len().checked_sub(10)?..)?.parse().ok()
}

fn add_existing(facts: &mut Facts, place: u64) {
    let (no, at) = (ProfileNo(place + 1), Timestamp(1));
    if facts.records.contains_key(&no) {
        return;
    }
    let tree = TreeTotals { first_seen: at, last_seen: at, events: 0, devices: 0, members: 1 };
    let pointer = RootPointer {
        no,
        created: at,
        root: no,
        first_seen: at,
        last_seen: at,
        events: 0,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    };
    let values = [
        ("customer_id", format!("c-{place:010}")),
        ("mobile", format!("+49{place:010}")),
        ("email", format!("user.{place:010}@mail.example")),
    ];
    let identifier =
        |(kind, value): &(&str, String)| Identifier { kind: IdentifierKind::new(kind), value: value.as_str().into() };
    let attribute = |i: u64| {
        (format!("attribute_{i}").into(), Write { seq: 1, value: Some(Value::text(&format!("value {place} {i}"))) })
    };
    let record = MemberRecord {
        no,
        created: at,
        identifiers: values.iter().map(identifier).collect(),
        attributes: (0..10).map(attribute).collect(),
        platforms: [].into(),
        former: Vec::new(),
        history: Vec::new(),
    };
    facts.records.insert(no, Some(record));
    facts.root_pointers.insert(no, Some(pointer));
    facts.views.insert(no, None);
}

/// A row of the changes, with its codec.
struct CodecRow<'a> {
    encode: Box<dyn Fn() -> i64 + 'a>,
    /// Reading takes values out of the cells, so that they are written each time.
    decode: Box<dyn Fn() -> bool + 'a>,
}

impl<'a> CodecRow<'a> {
    fn new<R: Record>(row: &'a R) -> Self {
        Self {
            encode: Box::new(|| row_sum(R::FAMILY, &row.cells())),
            decode: Box::new(|| R::from_cells(&mut row.cells()).map(black_box).is_ok()),
        }
    }
}

/// Returns the rows of the changes, except bindings, which are two columns.
fn codec_rows(changes: &Changes) -> Vec<CodecRow<'_>> {
    changes.rows.iter().filter_map(codec_row).collect()
}

fn codec_row(change: &RowChange) -> Option<CodecRow<'_>> {
    let RowChange::Upsert(row) = change else { return None };
    Some(match row {
        StoredRow::MemberRecord(row) => CodecRow::new(row),
        StoredRow::RootPointer(row) => CodecRow::new(row),
        StoredRow::Event(row) => CodecRow::new(row),
        StoredRow::EventId(row) => CodecRow::new(row),
        StoredRow::LogEntry(row) => CodecRow::new(row),
        StoredRow::History(row) => CodecRow::new(row),
        StoredRow::Change(row) => CodecRow::new(row),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One body has 294 elements, half of them about existing users, and each event has an id.
    #[test]
    fn the_rows_of_the_work_are_those_of_a_body() {
        let decision = ImportDecision { import: import(&body().unwrap(), &context()).unwrap(), wire: Quiet };
        let (facts, changes) = load(&decision).unwrap();
        let events = changes.rows.iter().filter(|row| matches!(row, RowChange::Upsert(StoredRow::Event(_)))).count();
        assert_eq!(events, 206);
        assert!((100..200).contains(&facts.records.len()), "{} users exist", facts.records.len());
    }
}
