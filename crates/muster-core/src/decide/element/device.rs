//! Device element, of an existing user. Replaces devices with the same token (behaviour.md 2, FACTS 2.3).

use crate::decide::decision_state::{DecisionState, Known, Missing};
use crate::decide::notes::{Context, End, Notes};
use crate::decide::resolve::resolve;
use crate::decide::target::{ElementTarget, choose_target, merge_cause, withhold_identifiers};
use crate::decide::write;
use crate::decide::write_target::WriteTarget;

use crate::command::{DeviceElement, DeviceFields};
use crate::limits::DEVICES_MAX;
use crate::reason::{Fault, Reason};
use crate::record::{self, ChangeKind, DeviceRef};
use crate::warning::Code;

pub(super) fn apply(
    state: &mut DecisionState<'_>,
    context: &Context<'_>,
    device: &DeviceElement,
    notes: &mut Notes,
) -> Known<End> {
    let resolved = resolve(state, &device.identifiers, false, notes)?;
    if resolved.roots.is_empty() {
        let fault = Fault::new(Reason::UnknownUser, device.pointer.clone(), Some("customer_id"));
        return Ok(End::Rejected(fault.into()));
    }
    for (given, _) in resolved.kept.iter().filter(|(_, bound)| bound.is_none()) {
        notes.warnings.add(Code::KeyNotBound, given.identifier.kind.name(), || given.pointer.to_string());
    }
    let target = choose_target(state, &resolved, &merge_cause(context, &resolved, false), notes)?;
    let (outcome, ElementTarget { root, record, merged }) = (target.outcome(), target);
    withhold_identifiers(state, context, &resolved, root);
    let at = DeviceRef { profile: record, device_id: device.device_id.clone() };
    // Before any fact can be missing, so that a later element finds the right survivor in every round.
    write::update_last_seen(state, WriteTarget { record, root, seq: 0 }, state.receipt)?;
    let known = load_device(state, device, &at)?;
    let place = WriteTarget { record, root, seq: state.next_seq() };
    replace_others(state, device, &at)?;
    if known.is_none() {
        if state.root_pointer(root)?.tree.devices >= DEVICES_MAX {
            let fault = Fault::new(Reason::TooManyDevices, device.pointer.clone(), Some("device_id"));
            return Ok(End::Rejected(fault.into()));
        }
        count(state, &at, 1)?;
    }
    let old = known.map(|known| known.fields);
    old.iter().flat_map(DeviceFields::tokens).for_each(|token| state.tokens.set(token, None));
    let fields = merge_fields(&device.fields, old);
    fields.tokens().for_each(|token| state.tokens.set(token, Some(at.clone())));
    let row = record::Device { at: at.clone(), seq: place.seq, updated_at: state.now, fields };
    state.devices.set(at, Some(row));
    write::append_change(state, place, ChangeKind::Device)?;
    Ok(End::Applied { outcome, root, merged })
}

/// Returns the stored device, and requests everything that replacing others needs.
fn load_device(state: &mut DecisionState<'_>, device: &DeviceElement, at: &DeviceRef) -> Known<Option<record::Device>> {
    let known = match state.devices.get(at) {
        Some(known) => Ok(known.cloned()),
        None => {
            state.needs.devices.push(at.clone());
            Err(Missing)
        }
    };
    let mut missing = false;
    for token in device.fields.tokens() {
        match state.tokens.get(&token).map(|owner| owner.cloned()) {
            None => {
                state.needs.tokens.push(token);
                missing = true;
            }
            Some(Some(owner)) => missing |= state.root_of(owner.profile).is_err(),
            Some(None) => {}
        }
    }
    if missing { Err(Missing) } else { known }
}

fn replace_others(state: &mut DecisionState<'_>, device: &DeviceElement, at: &DeviceRef) -> Known<()> {
    for token in device.fields.tokens() {
        let Some(owner) = state.tokens.get(&token).flatten().cloned() else { continue };
        if owner == *at {
            continue;
        }
        let Some(gone) = state.devices.get(&owner).flatten().cloned() else {
            state.needs.devices.push(owner);
            return Err(Missing);
        };
        gone.fields.tokens().for_each(|token| state.tokens.set(token, None));
        count(state, &owner, -1)?;
        state.devices.set(owner, None);
    }
    Ok(())
}

fn count(state: &mut DecisionState<'_>, at: &DeviceRef, by: i32) -> Known<()> {
    let root = state.root_of(at.profile)?;
    state.root_pointer_mut(at.profile)?.devices = state.root_pointer(at.profile)?.devices.saturating_add_signed(by);
    state.root_pointer_mut(root)?.tree.devices = state.root_pointer(root)?.tree.devices.saturating_add_signed(by);
    state.counters.devices = state.counters.devices.saturating_add_signed(i64::from(by));
    Ok(())
}

/// Returns the fields as sent; missing fields keep their value, advertising ids only on the same platform.
fn merge_fields(sent: &DeviceFields, old: Option<DeviceFields>) -> DeviceFields {
    let Some(old) = old else { return sent.clone() };
    let same = old.platform == sent.platform;
    let sent = sent.clone();
    DeviceFields {
        model: sent.model.or(old.model),
        app_version: sent.app_version.or(old.app_version),
        os_version: sent.os_version.or(old.os_version),
        push_opted: sent.push_opted.or(old.push_opted),
        push_provisional_opted: sent.push_provisional_opted.or(old.push_provisional_opted),
        gaid: sent.gaid.or(old.gaid.filter(|_| same)),
        idfv: sent.idfv.or(old.idfv.filter(|_| same)),
        ..sent
    }
}
