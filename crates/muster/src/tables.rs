//! What a command prints: JSON where a program reads it, a table on a terminal.

use crate::output::say;
use serde_json::Value as Json;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// The columns of a list of workspaces; an empty one is left out.
pub(crate) const WORKSPACES: [&str; 6] = ["id", "name", "suspended", "lenient", "time_zone", "trouble"];
/// The columns of a list of tokens.
pub(crate) const TOKENS: [&str; 6] = ["name", "scopes", "workspace", "created_at", "expires_at", "last_used_at"];

/// Prints an answer; nothing for one that says nothing.
pub(crate) fn print(answer: &Json, columns: &[&str], is_json: bool) -> anyhow::Result<ExitCode> {
    if !answer.is_null() {
        let is_table = std::io::stdout().is_terminal() && !is_json;
        say(&if is_table { table(answer, columns) } else { serde_json::to_string_pretty(answer)? })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns a list as a row an item, an object as a row a member; what is inside of members is named with dots.
fn table(answer: &Json, columns: &[&str]) -> String {
    let rows = match answer {
        Json::Array(items) if items.is_empty() => return "none".to_owned(),
        Json::Array(items) => of_list(items, columns),
        _ => {
            let mut rows = Vec::new();
            members(String::new(), answer, &mut rows);
            rows
        }
    };
    laid_out(&rows)
}

fn of_list(items: &[Json], columns: &[&str]) -> Vec<Vec<String>> {
    let is_used = |name: &&&str| items.iter().any(|item| !text(&item[**name]).is_empty());
    let shown: Vec<&str> = columns.iter().filter(is_used).copied().collect();
    let head = shown.iter().map(|name| name.to_uppercase()).collect();
    let row = |item: &Json| shown.iter().map(|name| text(&item[*name])).collect();
    std::iter::once(head).chain(items.iter().map(row)).collect()
}

fn members(name: String, value: &Json, rows: &mut Vec<Vec<String>>) {
    let inner = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Json::Object(found) => found.iter().for_each(|(part, value)| members(inner(part), value, rows)),
        Json::Array(items) if items.iter().any(Json::is_object) => {
            items.iter().enumerate().for_each(|(place, item)| members(inner(&place.to_string()), item, rows));
        }
        _ => rows.push(vec![name, text(value)]),
    }
}

fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Columns as wide as their widest cell; the last one ends the line. A line end in a cell would end the row.
fn laid_out(rows: &[Vec<String>]) -> String {
    let cell = |text: &String| text.replace(['\n', '\t'], " ");
    let width = |place: usize| rows.iter().filter_map(|row| row.get(place)).map(|text| text.chars().count()).max();
    let line = |row: &Vec<String>| {
        let padded =
            row.iter().enumerate().map(|(place, text)| format!("{:<1$}", cell(text), width(place).unwrap_or(0)));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // Fails when `is_used` keeps empty columns, or widths are counted in bytes.
    #[test]
    fn a_list_is_a_row_an_item_and_an_object_a_row_a_member() {
        let list = json!([
            {"id": "SHOP", "name": "L\u{e4}den\nX", "suspended": false, "lenient": true, "time_zone": "UTC", "limits": {"x": 1}},
            {"id": "B", "name": "B", "suspended": true, "lenient": false, "time_zone": "UTC"},
        ]);
        let want = "ID    NAME     SUSPENDED  LENIENT  TIME_ZONE\nSHOP  L\u{e4}den X  no         yes      UTC\nB     B        yes        no       UTC";
        assert_eq!(table(&list, &WORKSPACES), want);
        assert_eq!(table(&json!([]), &WORKSPACES), "none");
        let shown = json!({"id": "B", "limits": {"users_per_minute": 0}, "keys": [{"fingerprint": "f", "scopes": ["a", "b"]}], "x": null});
        let want = "id                       B\nlimits.users_per_minute  0\nkeys.0.fingerprint       f\nkeys.0.scopes            a,b\nx";
        assert_eq!(table(&shown, &[]), want);
    }
}
