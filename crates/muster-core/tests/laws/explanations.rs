//! A worked example of explanations: what is decided about each identifier of an element.

use crate::examples::{bare, sends};
use crate::histories::{What, element};
use crate::variants::PLAIN;
use crate::world::{World, send};
use muster_core::explanation::IdentifierOutcome;

/// The new customer id is of the same kind as the one that was found. Opposites: in `Notes::bound` do nothing, or compare
/// the kind or the outcome alone; found by `cargo xtask mutants`.
#[test]
fn an_explanation_says_which_identifiers_were_found_and_bound_and_replaced() {
    let mut world = World::new(&PLAIN);
    sends(&mut world, vec![[Some(1), Some(1), None]]);
    let mut draft = bare([Some(1), Some(2), Some(1)]);
    if let What::Customer { uid, .. } = &mut draft.what {
        *uid = Some(3);
    }
    let sent = vec![element(0, &draft, &world.settings, world.now)];
    let results = send(&mut world.store, &world.settings, sent, world.now).unwrap();
    let explanation = results[0].explanation.as_ref().unwrap();
    let outcomes: Vec<_> = explanation.identifiers.iter().map(|one| (one.kind.name(), one.outcome)).collect();
    let want = [
        ("customer_id", IdentifierOutcome::Found),
        ("customer_id", IdentifierOutcome::Bound),
        ("mobile", IdentifierOutcome::Replaced),
        ("email", IdentifierOutcome::Bound),
    ];
    assert_eq!(outcomes, want);
}
