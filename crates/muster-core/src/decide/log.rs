//! Bound on an entry of the ingestion log: lists some bytes of faults and warnings and counts the others.

use crate::limits::LOG_BYTES_MAX;
use crate::outcome::{ActionResult, ElementResult};
use crate::reason::{Fault, Faults};
use crate::record::{LogEntry, Omitted};
use crate::warning::Warning;

/// Approximate bytes of a fault or warning in addition to its strings.
const OVERHEAD: usize = 8;

fn fault_bytes(fault: &Fault) -> usize {
    let strings = [Some(&fault.pointer), fault.attribute.as_ref(), fault.detail.as_ref()];
    OVERHEAD + strings.into_iter().flatten().map(|text| text.len()).sum::<usize>()
}

fn warning_bytes(warning: &Warning) -> usize {
    OVERHEAD + warning.name.len() + warning.pointer.len() + warning.given.as_ref().map_or(0, |given| given.len())
}

fn element_bytes(element: &ElementResult) -> usize {
    let faults = element.errors.iter().chain(element.actions.iter().flat_map(|action| &action.errors));
    element.warnings.iter().map(warning_bytes).sum::<usize>() + faults.map(fault_bytes).sum::<usize>()
}

fn faults(element: &ElementResult) -> usize {
    element.errors.len().max(element.actions.iter().map(|action| action.errors.len()).sum())
}

/// Returns the entry with at most [`LOG_BYTES_MAX`] bytes of faults and warnings, in order; [`LogEntry::omitted`]
/// counts the others. Results of elements are kept: they are smaller than the elements.
pub fn bound_entry(mut request: LogEntry) -> LogEntry {
    let own = request.warnings.iter().map(warning_bytes).sum::<usize>();
    let own = own + request.faults.iter().map(fault_bytes).sum::<usize>();
    if own + request.elements.iter().map(element_bytes).sum::<usize>() <= LOG_BYTES_MAX {
        return request;
    }
    let mut left = LOG_BYTES_MAX;
    let mut omitted = Omitted::default();
    omitted.warnings += keep(&mut request.warnings, &mut left, warning_bytes);
    omitted.faults += keep(&mut request.faults, &mut left, fault_bytes);
    // Built without copying what is omitted: of tens of thousands of elements, few may be listed.
    request.elements = request.elements.iter().map(|element| list_result(element, &mut left, &mut omitted)).collect();
    LogEntry { omitted, ..request }
}

fn list_result(element: &ElementResult, left: &mut usize, omitted: &mut Omitted) -> ElementResult {
    let warnings = &element.warnings[..fitting_len(&element.warnings, left, warning_bytes)];
    let mut actions = Vec::with_capacity(element.actions.len());
    for action in &element.actions {
        actions.push(ActionResult { outcome: action.outcome, errors: first(&action.errors, left) });
    }
    let result = ElementResult {
        index: element.index,
        kind: element.kind,
        outcome: element.outcome,
        profile: element.profile,
        merged: element.merged.clone(),
        warnings: warnings.to_vec(),
        errors: first(&element.errors, left),
        explanation: element.explanation.clone(),
        actions,
    };
    omitted.warnings += count(element.warnings.len() - warnings.len());
    omitted.faults += count(faults(element) - faults(&result));
    result
}

fn first(faults: &Faults, left: &mut usize) -> Faults {
    let fits = fitting_len(faults, left, fault_bytes);
    if fits == faults.len() { faults.clone() } else { faults[..fits].iter().cloned().collect() }
}

/// Returns how many of a list fit. Nothing fits after the first one that does not, so that a prefix is listed.
fn fitting_len<T>(list: &[T], left: &mut usize, bytes: impl Fn(&T) -> usize) -> usize {
    for (at, item) in list.iter().enumerate() {
        let Some(rest) = left.checked_sub(bytes(item)) else {
            *left = 0;
            return at;
        };
        *left = rest;
    }
    list.len()
}

/// Truncates a list to what fits; returns how many were removed.
fn keep<T>(list: &mut Vec<T>, left: &mut usize, bytes: impl Fn(&T) -> usize) -> u32 {
    let before = list.len();
    list.truncate(fitting_len(list, left, bytes));
    count(before - list.len())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::bound_entry;
    use crate::id::RequestNo;
    use crate::kinds::{ElementKind, Route};
    use crate::limits::{EXCERPT_BYTES_MAX, LOG_BYTES_MAX};
    use crate::outcome::{ElementResult, Outcome};
    use crate::reason::{Fault, Reason};
    use crate::record::{LogEntry, Omitted};
    use crate::time::Timestamp;
    use crate::warning::{Code, Warnings};

    fn rejected(index: u32) -> ElementResult {
        let mut warnings = Warnings::default();
        warnings.add(Code::NullIgnored, &"n".repeat(9_000), || "/p".repeat(9_000));
        ElementResult {
            index,
            kind: ElementKind::Customer,
            outcome: Outcome::Rejected,
            profile: None,
            merged: Vec::new(),
            warnings: warnings.0,
            errors: Fault::new(Reason::KeyTooLong, "/q".repeat(9_000), None).into(),
            explanation: None,
            actions: Vec::new(),
        }
    }

    fn entry(elements: u32) -> LogEntry {
        LogEntry {
            no: RequestNo(1),
            received_at: Timestamp(1),
            status: 200,
            route: Route::Transition,
            origin: None,
            bytes: 1,
            duration_us: 1,
            warnings: Vec::new(),
            elements: (0..elements).map(rejected).collect(),
            faults: Vec::new(),
            omitted: Omitted::default(),
        }
    }

    // Fails when `keep` continues after the first one that does not fit, or `bound_entry` does not count what it omits.
    #[test]
    fn a_log_entry_lists_up_to_its_bound_and_counts_the_rest() {
        assert_eq!(bound_entry(entry(9)), entry(9), "a small one is whole");
        let of_one = 3 * EXCERPT_BYTES_MAX + 2 * super::OVERHEAD;
        let whole = LOG_BYTES_MAX / of_one;
        let all = u32::try_from(2 * whole).expect("a few thousand");
        let got = bound_entry(entry(all));
        let listed = |e: &ElementResult| e.warnings.len() + e.errors.len();
        assert!(got.elements[..whole].iter().all(|e| listed(e) == 2), "the beginning is whole");
        assert_eq!(got.elements[whole + 1..].iter().map(listed).sum::<usize>(), 0);
        let told = got.elements.iter().map(|e| e.warnings.len()).sum::<usize>();
        let faults = got.elements.iter().map(|e| e.errors.len()).sum::<usize>();
        let counted = [got.omitted.warnings, got.omitted.faults].map(|n| n as usize);
        assert_eq!([told + counted[0], faults + counted[1]], [all as usize; 2], "nothing is lost uncounted");
    }
}
