//! Owns the list of the cases, by what they share. A case that a new rule makes costly belongs here with the rule.

mod activation;
mod arrays;
mod chains;
mod manage;
mod merges;
mod new_ids;
mod profiles;
mod refused;
mod reviews;
mod text;
mod traffic;
mod unsets;

use super::case::Case;

/// All cases, in the order in which they are measured.
pub(super) fn all() -> Vec<Case> {
    let mut cases = profiles::cases();
    cases.extend(arrays::cases());
    cases.extend(unsets::cases());
    cases.extend(merges::cases());
    cases.extend(new_ids::cases());
    cases.extend(chains::cases());
    cases.extend(reviews::cases());
    cases.extend(activation::cases());
    cases.extend(traffic::cases());
    cases.extend(refused::cases());
    cases.extend(text::cases());
    cases.extend(manage::cases());
    cases
}
