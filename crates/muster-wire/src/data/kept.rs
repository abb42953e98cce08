//! What the quarantine stores of a rejected element: its JSON as received (behaviour.md 4).

use crate::json::{Json, parse};

/// Returns the JSON to store: the element as received; of an event with `rejected_actions` (ascending indexes), only
/// those actions, each as received.
pub fn kept_element(element: &[u8], rejected_actions: Option<&[u32]>) -> Box<[u8]> {
    rejected_actions.and_then(|rejected| without_others(element, rejected)).unwrap_or_else(|| element.into())
}

/// None if it is not an event with actions: then all of it is stored.
fn without_others(element: &[u8], rejected: &[u32]) -> Option<Box<[u8]>> {
    let document = parse(element).ok()?;
    let actions = document.root.some("actions")?;
    let Json::Array(items) = &actions.json else { return None };
    let mut out = Vec::with_capacity(element.len());
    out.extend_from_slice(&element[..actions.span().start]);
    let kept = rejected.iter().filter_map(|index| items.get(usize::try_from(*index).ok()?));
    crate::write::array(&mut out, kept, |out, item| out.extend_from_slice(&element[item.span()]));
    out.extend_from_slice(&element[actions.span().end..]);
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::kept_element;

    #[test]
    fn an_event_is_kept_with_its_rejected_actions_only() {
        let element = br#"{"type":"event", "actions": [{"action":"a"}, {"action" : "moe_b"},7,{"action":"d"}] ,"customer_id":"c"}"#;
        let want = br#"{"type":"event", "actions": [{"action" : "moe_b"},7] ,"customer_id":"c"}"#;
        assert_eq!(*kept_element(element, Some(&[1, 2, 9])), want[..]);
        assert_eq!(*kept_element(element, None), element[..]);
        assert_eq!(*kept_element(b"7", Some(&[0])), b"7"[..]);
    }
}
