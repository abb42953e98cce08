//! `docs/identity.md` is a test: its examples are run, each on a server and a workspace of its own, and every statement
//! in them must be so. `documented/steps.rs` reads the steps, `documented/run.rs` takes them, `documented/names.rs`
//! compares what is stated with what is so, `documented/curl.rs` reads the curl lines.
//!
//! The document opens with the language of the steps. Anything that is not a step or a statement of that language fails
//! here, with its line.

mod curl;
mod names;
mod run;
mod steps;

use steps::Fault;

const DOCUMENT: &str = "docs/identity.md";

/// All that is wrong with a document, one line each; of an example the first fault alone.
fn faults(text: &str) -> Vec<String> {
    let told = |fault: Fault| format!("{DOCUMENT}:{}: {}", fault.line, fault.text);
    match steps::read(text) {
        Err(fault) => vec![told(fault)],
        Ok(examples) => examples.iter().filter_map(|example| run::run(example).err().map(told)).collect(),
    }
}

/// The opposite: change any rule of section 3 that an example shows.
#[test]
fn every_example_of_the_document_on_identity_is_so() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/identity.md");
    let faults = faults(&std::fs::read_to_string(path).unwrap());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// An example of one row: one customer, who has an e-mail address and a city.
fn one(answer: &str, then: &str) -> String {
    let import = r#"import [{"type": "customer", "customer_id": "a", "attributes": {"city": "Pune"}}]"#;
    format!("## 1. One\n\n| Call | Answer | Then |\n|---|---|---|\n| `{import}` | {answer} | {then} |\n")
}

/// The opposite: `Names::compare` that returns `Ok` at any of its points.
#[test]
fn a_statement_that_is_not_so_is_told_with_its_line() {
    let so = one(r#"`[{"outcome": "created", "id": "<a>"}]`"#, r#"`customer_id a finds {"id": "<a>"}`"#);
    assert_eq!(faults(&so), [""; 0]);
    let wrong = [
        (one(r#"`[{"outcome": "updated"}]`"#, ""), "/0/outcome is \"created\", not \"updated\""),
        (one("`[]`", ""), "/ has 1 items, not 0"),
        (one("`409`", ""), "the status is 200, not 409"),
        (one(r#"`409 {"title": "x"}`"#, ""), "the status is 200, not 409"),
        (one(r#"`{"index": 0}`"#, ""), "/index is absent, not 0"),
        (one("", "`customer_id a finds nobody`"), "customer_id a finds somebody"),
        (one("", r#"`customer_id b finds {"id": "<b>"}`"#), "customer_id b finds nobody"),
        (one("", r#"`customer_id a finds {"attributes": {}}`"#), "/attributes is {\"city\":\"Pune\"}, not {}"),
        (one("", r#"`customer_id a finds {"attributes": {"city": null}}`"#), "/attributes/city is \"Pune\", not null"),
        (one("", r#"`customer_id a finds {"event_count": 1}`"#), "/event_count is 0, not 1"),
        (one("", r#"`/stats is {"users": 2}`"#), "/users is 1, not 2"),
        (one("", r#"`/merges/m1 is {"survivor": "<a>"}`"#), "/merges/m1 answers 404"),
        (one(r#"`[{"id": "<a>", "outcome": "<a>"}]`"#, ""), "/0/outcome is \"created\", not <a>"),
        (one(r#"`[{"id": "<a>"}]`"#, r#"`customer_id a finds {"id": "<b>"}`"#), "is <a>, which has a name already"),
        (one(r#"`[{"id": "<a>"}]`"#, ""), "<a> is named once, which says nothing"),
        (one("", "`/users/<a> is {}`"), "<a> is not known yet"),
    ];
    for (document, why) in wrong {
        let found = faults(&document);
        assert!(found.len() == 1 && found[0].contains(why), "{found:?} should say {why}");
        assert!(found[0].starts_with("docs/identity.md:5: "), "{found:?}");
    }
}

/// The opposite: `steps::read` that passes over what it does not know.
#[test]
fn what_is_no_step_and_no_statement_is_told_with_its_line() {
    let row = |row: &str| format!("## 1. One\n\n| Call | Answer | Then |\n|---|---|---|\n{row}\n");
    let wrong = [
        (row("| `imports []` | | |"), "5: imports [] is not a call"),
        (row("| `import [` | | |"), "5: not JSON"),
        (row("| `wait some days` | | |"), "5: a time is"),
        (row("| `wait 1 fortnight` | | |"), "5: a time is"),
        (row("| `wait 1 day` | `200` | |"), "5: a wait has no answer"),
        (row("| `GET stats` | | |"), "5: a path begins with /"),
        (row("| `GET /stats` | yes | |"), "5: \"yes\" is outside of backticks"),
        (row("| `GET /stats` | `yes` | |"), "5: not JSON"),
        (row("| `GET /stats` | | `all is well` |"), "5: all is well is not a statement"),
        (row("| `GET /stats` | |"), "5: a row has three cells"),
        (row("| | | |"), "5: a row has one call"),
        (row("| `GET /stats | | |"), "5: a backtick without its second"),
        ("## 1. One\n\n| Call | Result |\n".to_owned(), "3: the table of an example begins"),
        ("## 2. Two\n".to_owned(), "1: the next example is 1"),
        ("## 1. One\n\nprose\n".to_owned(), "1: an example without a step"),
        ("# Title\n".to_owned(), "1: no example"),
        ("## 1. One\n\n```sh\nwget x\n```\n".to_owned(), "3: a block of sh must have exactly one curl command"),
        ("## 1. One\n\n```sh\ncurl -k http://127.0.0.1:8080/x\n```\n".to_owned(), "3: -k is not known"),
        ("## 1. One\n\n```sh\ncurl http://127.0.0.1:8080/x\n```\n".to_owned(), "3: curl without the answer"),
        ("## 1. One\n\n```json\n{}\n```\n".to_owned(), "3: an answer without its curl"),
        ("## 1. One\n\n```yaml\n```\n".to_owned(), "3: a block is sh or json"),
    ];
    for (document, why) in wrong {
        let found = faults(&document);
        assert!(found.len() == 1 && found[0].starts_with(&format!("docs/identity.md:{why}")), "{found:?} not {why}");
    }
}

/// The opposite: an answer to curl that is not compared.
#[test]
fn curl_lines_are_sent_and_their_answers_compared() {
    let document = |users: u32| {
        let curl = "curl -sS http://127.0.0.1:8080/api/v1/workspaces/DEMO/stats \\\n  -H \"Authorization: Bearer $(cat muster-data/admin-token)\"";
        format!("## 1. One\n\n```sh\n{curl}\n```\n\n```json\n{{\"users\": {users}}}\n```\n")
    };
    assert_eq!(faults(&document(0)), [""; 0]);
    let wrong = faults(&document(1));
    assert!(wrong.len() == 1 && wrong[0].starts_with("docs/identity.md:3: /users is 0, not 1, in {"), "{wrong:?}");
}
