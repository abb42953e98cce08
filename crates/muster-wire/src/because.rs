//! Why an element went the way it went, as JSON and as one sentence: the same in answers, the log, merge records and
//! reviews. Names kinds, ids and guards; never a value.

use crate::manage::settings::rule_name;
use crate::write;
use muster_core::because::{Because, SetAside, Verdict, Weighed};
use muster_core::id::{ProfileId, ProfileNo};
use muster_core::record::Choice;
use serde_json::Value as Json;
use std::fmt::Write as _;

/// Writes `{"keys": [{"kind", "verdict", "id", "profile", "reason"?}], "rule", "text"}`. Profiles from `first_new` on are
/// those that a dry run would make, told as `new-N`.
pub(crate) fn write(out: &mut Vec<u8>, because: &Because, refused: bool, first_new: Option<ProfileNo>) {
    let shown = |id: ProfileId| match first_new {
        Some(first) if id.no.0 >= first.0 => format!("new-{}", id.no.0 - first.0 + 1),
        _ => id.to_string(),
    };
    out.extend_from_slice(b"{\"keys\":");
    write::array(out, &because.keys, |out, key| {
        out.extend_from_slice(b"{\"kind\":");
        write::string(out, key.kind.name());
        write::raw(out, format_args!(",\"verdict\":\"{}\"", key.verdict.name()));
        for (name, id) in [("id", key.id), ("profile", key.profile)] {
            write::raw(out, format_args!(",\"{name}\":"));
            match id {
                Some(id) => write::quoted(out, shown(id)),
                None => out.extend_from_slice(b"null"),
            }
        }
        if let Verdict::SetAside(reason) = key.verdict {
            write::raw(out, format_args!(",\"reason\":\"{}\"", reason.name()));
        }
        out.push(b'}');
    });
    out.extend_from_slice(b",\"rule\":");
    match because.rule {
        Some(rule) => write::string(out, choice_name(rule)),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"text\":");
    write::string(out, &sentence(because, refused, shown));
    out.push(b'}');
}

/// The same as a tree.
pub(crate) fn json(because: &Because, refused: bool) -> Json {
    let mut out = Vec::new();
    write(&mut out, because, refused, None);
    serde_json::from_slice(&out).expect("it is written as JSON")
}

/// The word of what chose a survivor.
pub(crate) fn choice_name(choice: Choice) -> &'static str {
    match choice {
        Choice::Attribute => "attribute",
        Choice::Rule(rule) => rule_name(rule),
        Choice::NewId => "new_id",
    }
}

fn sentence(because: &Because, refused: bool, shown: impl Fn(ProfileId) -> String) -> String {
    let mut text = String::new();
    for key in &because.keys {
        if !text.is_empty() {
            text.push_str("; ");
        }
        clause(&mut text, key, &shown);
    }
    let end = match (because.rule, refused) {
        (_, true) if text.is_empty() => "refused before its identifiers were looked at".to_owned(),
        (_, true) => "refused, so nothing of it stays".to_owned(),
        (Some(Choice::Attribute), _) => "the survivor is the only one that shows the survivor attribute".to_owned(),
        (Some(Choice::Rule(rule)), _) => format!("the survivor was chosen by {}", rule_name(rule)),
        (Some(Choice::NewId), _) => "a member was created for the new customer_id and joined".to_owned(),
        (None, _) => String::new(),
    };
    if !text.is_empty() && !end.is_empty() {
        text.push_str("; ");
    }
    text + &end
}

fn clause(text: &mut String, key: &Weighed, shown: impl Fn(ProfileId) -> String) {
    let kind = key.kind.name();
    let led = key.profile.map_or_else(|| "to nobody".to_owned(), |id| format!("to {}", shown(id)));
    let said = match key.verdict {
        Verdict::Found => format!("{kind} led {led}"),
        Verdict::Bound => format!("{kind} was new and is bound now"),
        Verdict::Replaced => format!("{kind} was new and replaced the one that the record held"),
        Verdict::NotBound => format!("{kind} was new and is not bound by events and devices"),
        Verdict::SetAside(reason) => format!("{kind} led {led} and was set aside: {}", why(reason)),
    };
    write!(text, "{said}").expect("writing to memory does not fail");
}

/// What a guard says.
pub(crate) fn why(reason: SetAside) -> &'static str {
    match reason {
        SetAside::Pinned => "two values of a pinned kind would have come into one profile",
        SetAside::Separated => "the profiles are separated",
        SetAside::Deletion => "the deletion of one of the profiles is under way",
        SetAside::MaxProfiles => "the profile would have had more members than max_profiles of a kind allows",
        SetAside::Members => "the profile would have had more than 1,000 members",
        SetAside::Size => "the profile would have been larger than the workspace lets one be",
    }
}
