//! Why an element had its outcome, as JSON and as one sentence: the same in answers, the log, merge records and
//! reviews. Names kinds, ids and guards; never a value.

use crate::write;
use muster_core::explanation::{Explanation, GuardReason, IdentifierDecision, IdentifierOutcome};
use muster_core::id::{ProfileId, ProfileNo};
use muster_core::kinds::{SurvivorChoice, SurvivorRule};
use std::fmt::Write as _;

/// Writes `{"keys": [{"kind", "verdict", "id", "profile", "reason"?}], "rule", "text"}`. Profiles from `first_new` on
/// would be created by a dry run and are written as `new-N`.
pub(crate) fn write(out: &mut Vec<u8>, explanation: &Explanation, refused: bool, first_new: Option<ProfileNo>) {
    let shown = |id: ProfileId| match first_new {
        Some(first) if id.no.0 >= first.0 => format!("new-{}", id.no.0 - first.0 + 1),
        _ => id.to_string(),
    };
    out.extend_from_slice(b"{\"keys\":");
    write::array(out, &explanation.identifiers, |out, key| {
        out.extend_from_slice(b"{\"kind\":");
        write::string(out, key.kind.name());
        write::raw(out, format_args!(",\"verdict\":\"{}\"", key.outcome.name()));
        for (name, id) in [("id", key.id), ("profile", key.profile)] {
            write::raw(out, format_args!(",\"{name}\":"));
            match id {
                Some(id) => write::quoted(out, shown(id)),
                None => out.extend_from_slice(b"null"),
            }
        }
        if let IdentifierOutcome::Withheld(reason) = key.outcome {
            write::raw(out, format_args!(",\"reason\":\"{}\"", reason.name()));
        }
        out.push(b'}');
    });
    out.extend_from_slice(b",\"rule\":");
    match explanation.rule {
        Some(rule) => write::string(out, choice_name(rule)),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"text\":");
    write::string(out, &sentence(explanation, refused, shown));
    out.push(b'}');
}

/// Returns the word of a survivor rule.
pub fn rule_name(rule: SurvivorRule) -> &'static str {
    match rule {
        SurvivorRule::LastSeen => "last_seen",
        SurvivorRule::FirstSeen => "first_seen",
        SurvivorRule::MostEvents => "most_events",
    }
}

/// Returns the word for what chose the survivor.
pub(crate) fn choice_name(choice: SurvivorChoice) -> &'static str {
    match choice {
        SurvivorChoice::Attribute => "attribute",
        SurvivorChoice::Rule(rule) => rule_name(rule),
        SurvivorChoice::NewId => "new_id",
    }
}

/// Returns the explanation as one sentence.
pub(crate) fn sentence(explanation: &Explanation, refused: bool, shown: impl Fn(ProfileId) -> String) -> String {
    let mut text = String::new();
    for key in &explanation.identifiers {
        if !text.is_empty() {
            text.push_str("; ");
        }
        clause(&mut text, key, &shown);
    }
    let end = match (explanation.rule, refused) {
        (_, true) if text.is_empty() => "rejected before its identifiers were resolved".to_owned(),
        (_, true) => "rejected, so nothing of it was stored".to_owned(),
        (Some(SurvivorChoice::Attribute), _) => {
            "the survivor is the only user that has the survivor attribute".to_owned()
        }
        (Some(SurvivorChoice::Rule(rule)), _) => format!("the survivor was chosen by {}", rule_name(rule)),
        (Some(SurvivorChoice::NewId), _) => "a profile was created for the new customer_id and merged".to_owned(),
        (None, _) => String::new(),
    };
    if !text.is_empty() && !end.is_empty() {
        text.push_str("; ");
    }
    text + &end
}

fn clause(text: &mut String, key: &IdentifierDecision, shown: impl Fn(ProfileId) -> String) {
    let kind = key.kind.name();
    let found = key.profile.map_or_else(|| "was new".to_owned(), |id| format!("resolved to {}", shown(id)));
    let said = match key.outcome {
        IdentifierOutcome::Found => format!("{kind} {found}"),
        IdentifierOutcome::Bound => format!("{kind} was new and is bound now"),
        IdentifierOutcome::Replaced => format!("{kind} was new and replaced the earlier value"),
        IdentifierOutcome::NotBound => format!("{kind} was new; events and devices bind no identifier"),
        IdentifierOutcome::Withheld(reason) => format!("{kind} {found} and was withheld: {}", why(reason)),
    };
    write!(text, "{said}").expect("writing to memory does not fail");
}

/// Returns the reason of a guard in words.
pub(crate) fn why(reason: GuardReason) -> &'static str {
    match reason {
        GuardReason::Pinned => "a pinned identifier differs",
        GuardReason::Separated => "a separation keeps the users apart",
        GuardReason::Deletion => "one of the users is being deleted",
        GuardReason::MaxProfiles => "the user would have more merged profiles than max_profiles allows",
        GuardReason::Members => "the user would have more than 1,000 merged profiles",
        GuardReason::Size => "the user would be larger than the workspace allows",
    }
}
