//! Words that the style guide bans (`docs/style.md`, Names): turns that a reader must guess at, in code, comments and
//! templates, and names of functions and types that say nothing. Each has the words to use instead.

use std::collections::BTreeMap;

use super::allowances::Allowances;
use super::findings::Finding;
use super::tree::{TextFile, Tree};

/// A banned turn: its name in the list of allowances, its forms, and what to write instead.
struct Turn {
    forms: &'static [&'static str],
    instead: &'static str,
}

/// Turns of prose. The first form is the name. Put together from parts, so that this file does not find itself.
const TURNS: [Turn; 15] = [
    Turn { forms: &[concat!("so", " many")], instead: "at most N, up to N, too many" },
    Turn { forms: &[concat!("as may", " be")], instead: "up to N" },
    Turn { forms: &[concat!("who", "m"), concat!("who", "ever")], instead: "the noun: the profile that, users that" },
    Turn {
        forms: &[concat!("lead", " to"), concat!("leads", " to"), concat!("led", " to"), concat!("leading", " to")],
        instead: "resolve to, match, cause",
    },
    Turn { forms: &[concat!("bec", "ame")], instead: "outcome, result, status" },
    Turn {
        forms: &[
            concat!("goes", " on"),
            concat!("go", " on"),
            concat!("went", " on"),
            concat!("goes", " away"),
            concat!("go", " away"),
            concat!("comes", " off"),
            concat!("come", " off"),
            concat!("came", " off"),
        ],
        instead: "continues, is deleted, is detached",
    },
    Turn {
        forms: &[
            concat!("come", " in"),
            concat!("comes", " in"),
            concat!("came", " in"),
            concat!("come", " together"),
            concat!("comes", " together"),
            concat!("came", " together"),
        ],
        instead: "arrives, is received, is merged",
    },
    Turn { forms: &[concat!("an", "ew"), concat!("again and", " again")], instead: "rebuilt, again, repeatedly" },
    Turn { forms: &[concat!("under", " way")], instead: "in progress" },
    Turn { forms: &[concat!("to its", " end"), concat!("to their", " end")], instead: "completely, to completion" },
    Turn { forms: &[concat!("sta", "nds"), concat!("stand", "ing")], instead: "is, status" },
    Turn { forms: &[concat!("is", " no"), concat!("are", " no")], instead: "is not a (valid)" },
    Turn { forms: &[concat!("a", " text"), concat!("te", "xts")], instead: "a string, strings" },
    Turn {
        forms: &[concat!("set", " aside"), concat!("sets", " aside"), concat!("setting", " aside")],
        instead: "withhold, withheld",
    },
    Turn { forms: &[concat!("men", "ds"), concat!("men", "d"), concat!("well", " again")], instead: "fix, recovered" },
];

/// What may follow a form without making it a banned turn.
const FINE_AFTER: [(&str, &str); 4] = [
    (concat!("is", " no"), "longer"),
    (concat!("are", " no"), "longer"),
    (concat!("go", " on"), "line"),
    (concat!("come", " in"), "handy"),
];

/// Words before which a form is ordinary English: "there is a row" can be denied.
const FINE_BEFORE: [(&str, &str); 2] = [(concat!("is", " no"), "there"), (concat!("are", " no"), "there")];

/// Names of functions that are participles, pronouns or private words.
const FUNCTIONS: [&str; 20] = [
    "told",
    "said",
    "shown",
    "held",
    "locked",
    "kept",
    "meant",
    "judged",
    "led",
    "whose",
    "tried",
    "of",
    "meet",
    "foresee",
    "lacks",
    "is_felt",
    "came_on",
    "to_its_end",
    "whole",
    "fresh",
];

/// Names of types that the glossary has replaced.
const TYPES: [&str; 24] = [
    concat!("Bec", "ame"),
    "Because",
    "Weighed",
    "Wanted",
    concat!("Stand", "ing"),
    "Tally",
    "Former",
    "Aside",
    concat!("Who", "m"),
    "Before",
    "Met",
    "Work",
    "Told",
    "Said",
    "Held",
    "Look",
    "Lane",
    "Bell",
    "Damage",
    "Filling",
    "Pulse",
    "Story",
    "Sight",
    "Twig",
];

/// How often each banned word is used, by crate.
pub(super) fn count(tree: &Tree) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for file in tree.files() {
        let Some(member) = member(&file.path).filter(|_| is_read(file)) else { continue };
        for (_, name, _) in uses(file) {
            *counts.entry(member.to_owned()).or_default().entry(name).or_default() += 1;
        }
    }
    counts
}

/// Names each place of a word that a crate uses more often than it may.
pub(super) fn check(tree: &Tree, allowed: &Allowances, found: &Allowances) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| is_read(file)) {
        let Some(member) = member(&file.path) else { continue };
        for (line, name, instead) in uses(file) {
            let count = |list: &Allowances| list.words.get(member).and_then(|words| words.get(&name)).copied();
            let (used, may) = (count(found).unwrap_or_default(), count(allowed).unwrap_or_default());
            if used > may {
                let message = format!("banned word `{name}` ({used} in {member}, {may} allowed): write {instead}");
                findings.push(Finding::error(format!("{}:{line}", file.path), message));
            }
        }
    }
    findings
}

fn is_read(file: &TextFile) -> bool {
    file.is_rust() || file.path.ends_with(".html")
}

/// The member of the workspace that a file belongs to.
fn member(path: &str) -> Option<&str> {
    let (first, rest) = path.split_once('/')?;
    match first {
        "crates" => rest.split('/').next(),
        "xtask" | "fuzz" => Some(first),
        _ => None,
    }
}

/// The banned words of a file: line, name in the list, what to write instead.
fn uses(file: &TextFile) -> Vec<(usize, String, &'static str)> {
    let mut uses = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let lower = line.to_lowercase();
        for turn in &TURNS {
            let times: usize = turn.forms.iter().map(|form| occurrences(&lower, form)).sum();
            uses.extend((0..times).map(|_| (index + 1, turn.forms[0].to_owned(), turn.instead)));
        }
        if file.is_rust() && !line.trim_start().starts_with("//") {
            uses.extend(names(line).map(|(name, instead)| (index + 1, name, instead)));
        }
    }
    uses
}

/// How often a form is there as words of its own.
fn occurrences(line: &str, form: &str) -> usize {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let counts = |(at, _): &(usize, &str)| {
        let (before, after) = (&line[..*at], &line[at + form.len()..]);
        let is_whole = !is_word(before.chars().next_back()) && !is_word(after.chars().next());
        is_whole
            && !FINE_BEFORE.iter().any(|(of, last)| *of == form && before.trim_end().ends_with(last))
            && !FINE_AFTER.iter().any(|(of, next)| *of == form && after.trim_start().starts_with(next))
    };
    line.match_indices(form).filter(counts).count()
}

/// The banned names that a line of code defines.
fn names(line: &str) -> impl Iterator<Item = (String, &'static str)> {
    let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let defined = words.windows(2).filter_map(|pair| match pair {
        ["fn", name] if FUNCTIONS.contains(name) => {
            Some((format!("fn {name}"), "a verb, or the noun that is returned"))
        }
        ["struct" | "enum" | "type" | "trait", name] if TYPES.contains(name) => {
            Some((format!("type {name}"), "the name of the glossary"))
        }
        _ => None,
    });
    defined.collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: &str = concat!("so", " many");

    fn found(path: &str, text: &str) -> Vec<String> {
        let words = count(&Tree::from_files(&[(path, text)])).into_values().next().unwrap_or_default();
        words.into_iter().map(|(word, count)| format!("{word} {count}")).collect()
    }

    #[test]
    fn a_turn_is_found_in_comments_code_and_templates_as_words_of_its_own() {
        assert_eq!(found("crates/a/src/b.rs", &format!("// {MANY} of\nlet x = \"{MANY}\";\n")), [format!("{MANY} 2")]);
        assert_eq!(
            found("crates/a/templates/b.html", &format!("<p>{}</p>\n", MANY.replace('s', "S"))),
            [format!("{MANY} 1")]
        );
        assert_eq!(found("crates/a/src/b.rs", &format!("let x_{} = also {MANY}x;\n", MANY.replace(' ', "_"))), [""; 0]);
        assert_eq!(found("docs/b.md", MANY), [""; 0]);
    }

    #[test]
    fn an_ordinary_use_of_the_same_words_is_not_found() {
        let longer =
            format!("// It {0} longer; there {0} row.\n// Go {1} line.\n", concat!("is", " no"), concat!("o", "n"));
        assert_eq!(found("crates/a/src/b.rs", &longer), [""; 0]);
    }

    #[test]
    fn a_banned_name_is_found_where_it_is_defined_and_not_where_it_is_called() {
        let text = format!(
            "fn {}() {{}}\nstruct {};\nlet x = {}();\n// fn {}\n",
            FUNCTIONS[0], TYPES[1], FUNCTIONS[1], FUNCTIONS[2]
        );
        assert_eq!(found("xtask/src/a.rs", &text), [format!("fn {} 1", FUNCTIONS[0]), format!("type {} 1", TYPES[1])]);
    }

    #[test]
    fn a_word_beyond_its_allowance_is_named_with_each_place() {
        let tree = Tree::from_files(&[("crates/a/src/b.rs", &format!("// {MANY}\n\n// {MANY}\n"))]);
        let found = Allowances { words: count(&tree), ..Allowances::default() };
        assert_eq!(check(&tree, &found, &found), []);
        let message = format!("banned word `{MANY}` (2 in a, 0 allowed): write at most N, up to N, too many");
        let expected = [1, 3].map(|line| Finding::error(format!("crates/a/src/b.rs:{line}"), message.clone()));
        assert_eq!(check(&tree, &Allowances::default(), &found), expected);
    }
}
