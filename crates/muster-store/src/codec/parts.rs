//! The open-ended parts of rows as compact records: keys, writes, faults, warnings, results. Part of the stored format.

use super::bytes::{Decoder, Encoder};
use super::json::NamedValues;
use super::values::{put_value, value};
use crate::error::CorruptRow;
use muster_core::explanation::{Explanation, GuardReason, IdentifierDecision, IdentifierOutcome};
use muster_core::id::{ProfileId, ProfileNo, Seq};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::{ElementKind, Platform, SurvivorChoice, SurvivorRule};
use muster_core::outcome::{ActionOutcome, ActionResult, ElementResult, Outcome};
use muster_core::reason::{Fault, Faults, Reason};
use muster_core::record::{Combined, FormerIdentifier, MemberRecord, View, Write};
use muster_core::time::Timestamp;
use muster_core::value::{Combine, Value};
use muster_core::warning::{Code, Warning};
use std::collections::BTreeMap;

/// Finds the value of a stored number.
pub(super) fn from_code<T: Copy, const N: usize>(all: [T; N], code: impl Fn(T) -> u8, n: i64) -> Result<T, CorruptRow> {
    all.into_iter().find(|item| i64::from(code(*item)) == n).ok_or(CorruptRow("a code is unknown"))
}

pub(super) fn platform(n: i64) -> Result<Platform, CorruptRow> {
    from_code(Platform::ALL, |p| p as u8, n)
}

pub(super) fn element_kind(n: i64) -> Result<ElementKind, CorruptRow> {
    use ElementKind::{Customer, Device, Event, Unknown};
    from_code([Customer, Event, Device, Unknown], |k| k as u8, n)
}

/// The number of an attribute rule; core gives them none.
fn combine_code(rule: Combine) -> u8 {
    match rule {
        Combine::Sum => 1,
        Combine::Max => 2,
        Combine::Min => 3,
    }
}

/// The number of a survivor rule; 0 is rule 1.
pub(super) fn survivor_code(rule: SurvivorRule) -> u8 {
    match rule {
        SurvivorRule::LastSeen => 1,
        SurvivorRule::FirstSeen => 2,
        SurvivorRule::MostEvents => 3,
    }
}

pub(super) fn survivor_rule(n: u8) -> Result<SurvivorRule, CorruptRow> {
    use SurvivorRule::{FirstSeen, LastSeen, MostEvents};
    from_code([LastSeen, FirstSeen, MostEvents], survivor_code, i64::from(n))
}

pub(super) fn put_keys(out: &mut Encoder, keys: &[Identifier]) {
    out.len(keys.len());
    for key in keys {
        put_key(out, key);
    }
}

fn put_key(out: &mut Encoder, key: &Identifier) {
    out.str(key.kind.name());
    out.str(&key.value);
}

pub(super) fn keys(read: &mut Decoder<'_>) -> Result<Vec<Identifier>, CorruptRow> {
    read.list(key)
}

fn key(read: &mut Decoder<'_>) -> Result<Identifier, CorruptRow> {
    Ok(Identifier { kind: IdentifierKind::new(read.str()?), value: read.str()?.into() })
}

pub(super) fn put_names(out: &mut Encoder, names: &[Box<str>]) {
    out.len(names.len());
    names.iter().for_each(|name| out.str(name));
}

pub(super) fn names(read: &mut Decoder<'_>) -> Result<Vec<Box<str>>, CorruptRow> {
    read.list(|read| Ok(read.str()?.into()))
}

/// What a merge changed: each name with the value before and the one after, as far as they are kept.
pub(super) fn put_combined(out: &mut Encoder, combined: &[Combined]) {
    out.len(combined.len());
    for c in combined {
        out.str(&c.field);
        out.u8(u8::from(c.old.is_some()) | u8::from(c.new.is_some()) << 1);
        [&c.old, &c.new].into_iter().flatten().for_each(|value| put_value(out, value));
    }
}

pub(super) fn read_combined(read: &mut Decoder<'_>) -> Result<Vec<Combined>, CorruptRow> {
    read.list(|read| {
        let (field, kept) = (read.str()?.into(), read.u8()?);
        let mut side = |bit: u8| if kept & bit == 0 { Ok(None) } else { value(read).map(Some) };
        Ok(Combined { field, old: side(1)?, new: side(2)? })
    })
}

/// Writes the positions of writes in the change sequence and the names of those that unset; returns the last position.
fn put_writes<'a>(out: &mut Encoder, writes: impl Iterator<Item = (&'a str, &'a Write<Value>)> + Clone) -> Seq {
    let mut last = 0;
    for (_, write) in writes.clone().filter(|(_, write)| write.value.is_some()) {
        out.step(last, write.seq);
        last = write.seq;
    }
    let unset = || writes.clone().filter(|(_, write)| write.value.is_none());
    out.len(unset().count());
    for (name, write) in unset() {
        out.str(name);
        out.step(last, write.seq);
        last = write.seq;
    }
    last
}

/// What [`put_writes`] wrote, with the values that are set.
fn writes(read: &mut Decoder<'_>, values: NamedValues, last: &mut Seq) -> Result<Writes, CorruptRow> {
    let mut writes = Vec::with_capacity(values.len());
    for (name, value) in values {
        *last = read.step(*last)?;
        writes.push((name, Write { seq: *last, value: Some(value) }));
    }
    let unset = read.list(|read| {
        let name = read.str()?.into();
        *last = read.step(*last)?;
        Ok((name, Write { seq: *last, value: None }))
    })?;
    writes.extend(unset);
    Ok(writes)
}

/// Writes of attributes by name.
pub(crate) type Writes = Vec<(Box<str>, Write<Value>)>;

/// The record of some writes of a member record.
pub(super) fn chunk_record<'a>(writes: impl Iterator<Item = (&'a str, &'a Write<Value>)> + Clone) -> Vec<u8> {
    let mut out = Encoder::new();
    put_writes(&mut out, writes);
    out.done()
}

/// What [`chunk_record`] wrote, with the values that are set.
pub(super) fn read_chunk_record(record: &[u8], values: NamedValues) -> Result<Writes, CorruptRow> {
    let mut read = Decoder::open(record)?;
    let writes = writes(&mut read, values, &mut 0)?;
    read.end()?;
    Ok(writes)
}

/// The parts of a member record without columns of their own: identifiers, positions of writes in the change sequence,
/// unset names, platforms, former identifiers. Set values are in the JSON column, in the same order.
pub(super) fn profile_record(profile: &MemberRecord, with_writes: bool) -> Vec<u8> {
    let mut out = Encoder::new();
    put_keys(&mut out, &profile.identifiers);
    let writes = profile.attributes.iter().filter(|_| with_writes).map(|(name, write)| (&**name, write));
    let mut last = put_writes(&mut out, writes);
    out.len(profile.platforms.len());
    for (platform, write) in &profile.platforms {
        out.u8(*platform as u8);
        out.step(last, write.seq);
        out.u8(match write.value {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        });
        last = write.seq;
    }
    out.len(profile.former.len());
    for former in &profile.former {
        put_key(&mut out, &former.identifier);
        out.i64(former.until.0);
    }
    out.len(profile.history.len());
    let mut last = 0;
    for seq in &profile.history {
        out.step(last, *seq);
        last = *seq;
    }
    out.done()
}

/// What [`profile_record`] wrote, put together with the values that are set.
pub(super) fn read_profile_record(
    record: &[u8],
    values: NamedValues,
    profile: &mut MemberRecord,
) -> Result<(), CorruptRow> {
    let mut read = Decoder::open(record)?;
    profile.identifiers = keys(&mut read)?;
    let mut last = 0;
    profile.attributes = writes(&mut read, values, &mut last)?.into_iter().collect();
    let platforms = read.list(|read| {
        let platform = platform(i64::from(read.u8()?))?;
        last = read.step(last)?;
        let value = match read.u8()? {
            0 => None,
            1 => Some(false),
            2 => Some(true),
            _ => return Err(CorruptRow("a platform has an unknown state")),
        };
        Ok((platform, Write { seq: last, value }))
    })?;
    profile.platforms = platforms.into_iter().collect();
    profile.former =
        read.list(|read| Ok(FormerIdentifier { identifier: key(read)?, until: Timestamp(read.i64()?) }))?;
    let mut last = 0;
    profile.history = read.list(|read| {
        last = read.step(last)?;
        Ok(last)
    })?;
    read.end()
}

pub(super) fn view_record(view: &View) -> Vec<u8> {
    let mut out = Encoder::new();
    out.len(view.platforms.len());
    for (platform, active) in &view.platforms {
        out.u8(*platform as u8);
        out.u8(u8::from(*active));
    }
    out.done()
}

pub(super) fn view_platforms(record: &[u8]) -> Result<BTreeMap<Platform, bool>, CorruptRow> {
    let mut read = Decoder::open(record)?;
    let platforms = read.list(|read| Ok((platform(i64::from(read.u8()?))?, read.u8()? != 0)))?;
    read.end()?;
    Ok(platforms.into_iter().collect())
}

pub(super) fn rules_record(rules: &[(Box<str>, Combine)]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.len(rules.len());
    for (name, rule) in rules {
        out.str(name);
        out.u8(combine_code(*rule));
    }
    out.done()
}

pub(super) fn rules(record: &[u8]) -> Result<Vec<(Box<str>, Combine)>, CorruptRow> {
    use Combine::{Max, Min, Sum};
    let mut read = Decoder::open(record)?;
    let rules =
        read.list(|read| Ok((read.str()?.into(), from_code([Sum, Max, Min], combine_code, i64::from(read.u8()?))?)))?;
    read.end()?;
    Ok(rules)
}

/// In the byte of a warning's code: the given text follows. Few warnings have one.
const HAS_GIVEN: u8 = 0x80;

pub(super) fn put_warnings(out: &mut Encoder, warnings: &[Warning]) {
    out.len(warnings.len());
    for warning in warnings {
        out.u8(warning.code.code() | if warning.given.is_some() { HAS_GIVEN } else { 0 });
        out.str(&warning.name);
        out.str(&warning.pointer);
        out.u64(warning.count.into());
        if let Some(given) = &warning.given {
            out.str(given);
        }
    }
}

pub(super) fn warnings(read: &mut Decoder<'_>) -> Result<Vec<Warning>, CorruptRow> {
    read.list(|read| {
        let code = read.u8()?;
        Ok(Warning {
            code: Code::from_code(code & !HAS_GIVEN).ok_or(CorruptRow("a warning is unknown"))?,
            name: read.str()?.into(),
            pointer: read.str()?.into(),
            count: read.small()?,
            given: if code & HAS_GIVEN == 0 { None } else { Some(read.str()?.into()) },
        })
    })
}

pub(super) fn put_faults(out: &mut Encoder, faults: &[Fault]) {
    out.len(faults.len());
    for fault in faults {
        out.u8(fault.reason.code());
        out.str(&fault.pointer);
        out.opt_str(fault.attribute.as_deref());
        out.opt_str(fault.detail.as_deref());
    }
}

pub(super) fn faults(read: &mut Decoder<'_>) -> Result<Vec<Fault>, CorruptRow> {
    read.list(|read| {
        Ok(Fault {
            reason: Reason::from_code(read.u8()?).ok_or(CorruptRow("a reason is unknown"))?,
            pointer: read.str()?.into(),
            attribute: read.opt_str()?.map(Into::into),
            detail: read.opt_str()?.map(Into::into),
        })
    })
}

fn put_id(out: &mut Encoder, id: ProfileId) {
    out.i64(id.created.0);
    out.u64(id.no.0);
}

fn id(read: &mut Decoder<'_>) -> Result<ProfileId, CorruptRow> {
    Ok(ProfileId { created: Timestamp(read.i64()?), no: ProfileNo(read.u64()?) })
}

/// Which parts of an element's result follow: most have none, and a request has many elements.
const HAS_PROFILE: u8 = 1;
const HAS_MERGED: u8 = 2;
const HAS_WARNINGS: u8 = 4;
const HAS_ERRORS: u8 = 8;
const HAS_ACTIONS: u8 = 16;
const HAS_BECAUSE: u8 = 32;

pub(super) fn put_results(out: &mut Encoder, elements: &[ElementResult]) {
    out.len(elements.len());
    for (place, element) in (0_u64..).zip(elements) {
        let has = |bit: u8, there: bool| if there { bit } else { 0 };
        out.u8(has(HAS_PROFILE, element.profile.is_some())
            | has(HAS_MERGED, !element.merged.is_empty())
            | has(HAS_WARNINGS, !element.warnings.is_empty())
            | has(HAS_ERRORS, !element.errors.is_empty())
            | has(HAS_ACTIONS, !element.actions.is_empty())
            | has(HAS_BECAUSE, element.explanation.is_some()));
        out.step(place, element.index.into());
        out.u8(element.kind as u8);
        out.u8(element.outcome as u8);
        if let Some(profile) = element.profile {
            put_id(out, profile);
        }
        if !element.merged.is_empty() {
            out.len(element.merged.len());
            element.merged.iter().for_each(|merged| put_id(out, *merged));
        }
        if !element.warnings.is_empty() {
            put_warnings(out, &element.warnings);
        }
        if !element.errors.is_empty() {
            put_faults(out, &element.errors);
        }
        if !element.actions.is_empty() {
            put_actions(out, &element.actions);
        }
        if let Some(explanation) = &element.explanation {
            put_because(out, explanation);
        }
    }
}

/// No rule chose: a member was created for a new `customer_id`.
const NEW_ID: u8 = 100;

/// The number of what chose a survivor; 0 is rule 1.
pub(super) fn choice_code(choice: SurvivorChoice) -> u8 {
    match choice {
        SurvivorChoice::Attribute => 0,
        SurvivorChoice::Rule(rule) => survivor_code(rule),
        SurvivorChoice::NewId => NEW_ID,
    }
}

pub(super) fn choice(n: u8) -> Result<SurvivorChoice, CorruptRow> {
    match n {
        0 => Ok(SurvivorChoice::Attribute),
        NEW_ID => Ok(SurvivorChoice::NewId),
        n => survivor_rule(n).map(SurvivorChoice::Rule),
    }
}

fn put_opt_id(out: &mut Encoder, id: Option<ProfileId>) {
    out.u8(id.is_some().into());
    if let Some(id) = id {
        put_id(out, id);
    }
}

fn opt_id(read: &mut Decoder<'_>) -> Result<Option<ProfileId>, CorruptRow> {
    if read.u8()? == 0 { Ok(None) } else { id(read).map(Some) }
}

/// Verdicts on keys; from [`SET_ASIDE`] on the guard is added.
const FOUND: u8 = 1;
const BOUND: u8 = 2;
const REPLACED: u8 = 3;
const NOT_BOUND: u8 = 4;
const SET_ASIDE: u8 = 16;

pub(super) fn put_because(out: &mut Encoder, explanation: &Explanation) {
    out.len(explanation.identifiers.len());
    for key in &explanation.identifiers {
        out.str(key.kind.name());
        put_opt_id(out, key.id);
        put_opt_id(out, key.profile);
        out.u8(match key.outcome {
            IdentifierOutcome::Found => FOUND,
            IdentifierOutcome::Bound => BOUND,
            IdentifierOutcome::Replaced => REPLACED,
            IdentifierOutcome::NotBound => NOT_BOUND,
            IdentifierOutcome::Withheld(reason) => SET_ASIDE + reason as u8,
        });
    }
    out.u8(explanation.rule.map_or(0, |rule| 1 + choice_code(rule)));
}

pub(super) fn explanation(read: &mut Decoder<'_>) -> Result<Explanation, CorruptRow> {
    let keys = read.list(|read| {
        let kind = IdentifierKind::new(read.str()?);
        let (id, profile) = (opt_id(read)?, opt_id(read)?);
        let outcome = match read.u8()? {
            FOUND => IdentifierOutcome::Found,
            BOUND => IdentifierOutcome::Bound,
            REPLACED => IdentifierOutcome::Replaced,
            NOT_BOUND => IdentifierOutcome::NotBound,
            code => {
                let reason = code.checked_sub(SET_ASIDE).and_then(GuardReason::from_code);
                IdentifierOutcome::Withheld(reason.ok_or(CorruptRow("a outcome is unknown"))?)
            }
        };
        Ok(IdentifierDecision { kind, id, profile, outcome })
    })?;
    let rule = read.u8()?.checked_sub(1).map(choice).transpose()?;
    Ok(Explanation { identifiers: keys, rule })
}

/// One byte for an action that has no errors: an element can have 10,000.
fn put_actions(out: &mut Encoder, actions: &[ActionResult]) {
    out.len(actions.len());
    for action in actions {
        out.u8(action.outcome as u8 | if action.errors.is_empty() { 0 } else { 0x80 });
        if !action.errors.is_empty() {
            put_faults(out, &action.errors);
        }
    }
}

pub(super) fn results(read: &mut Decoder<'_>) -> Result<Vec<ElementResult>, CorruptRow> {
    let mut place = 0;
    read.list(|read| {
        let has = read.u8()?;
        let index = u32::try_from(read.step(place)?).map_err(|_| CorruptRow("an index is out of range"))?;
        place += 1;
        let kind = element_kind(i64::from(read.u8()?))?;
        let outcome = from_code(Outcome::ALL, |o| o as u8, i64::from(read.u8()?))?;
        Ok(ElementResult {
            index,
            kind,
            outcome,
            profile: if has & HAS_PROFILE == 0 { None } else { Some(id(read)?) },
            merged: if has & HAS_MERGED == 0 { Vec::new() } else { read.list(id)? },
            warnings: if has & HAS_WARNINGS == 0 { Vec::new() } else { warnings(read)? },
            errors: if has & HAS_ERRORS == 0 { Faults::default() } else { faults(read)?.into() },
            actions: if has & HAS_ACTIONS == 0 { Vec::new() } else { read.list(action)? },
            explanation: if has & HAS_BECAUSE == 0 { None } else { Some(Box::new(explanation(read)?)) },
        })
    })
}

fn action(read: &mut Decoder<'_>) -> Result<ActionResult, CorruptRow> {
    let byte = read.u8()?;
    let outcome = from_code(ActionOutcome::ALL, |o| o as u8, i64::from(byte & 0x7f))?;
    Ok(ActionResult { outcome, errors: if byte & 0x80 == 0 { Faults::default() } else { faults(read)?.into() } })
}
