//! Which module of a crate uses which: read from `use` statements and from paths in code, down to the deepest module
//! that the path names. Modules are named by their file below `src/` without its ending; the root is `lib`.
//!
//! A module that only declares another one does not use it. Inline tests are left out: what only tests use ties nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::code_lines;
use super::tree::{TextFile, Tree};

/// Name of the module of `lib.rs` and `main.rs`.
const ROOT: &str = "lib";

/// For each module the modules that it uses.
pub(super) type Imports = BTreeMap<String, BTreeSet<String>>;

/// The imports of the crate whose source files are in `folder`, which ends with `src/`.
pub(super) fn imports(tree: &Tree, folder: &str) -> Imports {
    let files = tree.files().iter().filter(|file| file.is_rust() && file.path.starts_with(folder));
    let modules: BTreeMap<String, String> = files
        .filter(|file| !is_test(file))
        .map(|file| (module(&file.path[folder.len()..]), code(&file.text)))
        .collect();
    let mut names: BTreeSet<String> = modules.keys().cloned().collect();
    names.extend(modules.iter().flat_map(|(module, text)| declared_modules(module, text)));
    let used = |(name, text): (&String, &String)| {
        let mut used: BTreeSet<String> = paths(text).iter().filter_map(|path| target(&names, name, path)).collect();
        used.remove(name);
        (name.clone(), used)
    };
    modules.iter().map(used).collect()
}

/// The sets of modules that use each other, directly or through others; each of at least two.
pub(super) fn circles(imports: &Imports) -> BTreeSet<BTreeSet<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|module| (module.as_str(), reachable(imports, module))).collect();
    let mut circles = BTreeSet::new();
    for (module, from_here) in &reached {
        let is_tied = |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(module));
        let circle: BTreeSet<String> = from_here.iter().filter(is_tied).map(|other| (*other).to_owned()).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles
}

fn reachable<'i>(imports: &'i Imports, from: &str) -> BTreeSet<&'i str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for used in imports.get(module).into_iter().flatten() {
            if reached.insert(used.as_str()) {
                open.push(used);
            }
        }
    }
    reached
}

fn is_test(file: &TextFile) -> bool {
    file.name() == "tests.rs" || file.path.contains("/tests/")
}

/// The modules that a module declares, so that one whose file is elsewhere (`#[path = "..."]`) is not taken for its parent.
fn declared_modules(module: &str, text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
    names.map(|name| if module == ROOT { name.to_owned() } else { format!("{module}/{name}") }).collect()
}

fn module(below_src: &str) -> String {
    let name = below_src.trim_end_matches(".rs");
    if name == "main" { ROOT.to_owned() } else { name.to_owned() }
}

/// The code without comments and inline tests, which end a file.
fn code(text: &str) -> String {
    const MARK: &str = "\n#[cfg(test)]\nmod ";
    // `mod tests;` declares a file, and code follows it.
    let is_inline = |at: &usize| text[at + MARK.len()..].lines().next().is_some_and(|line| line.ends_with('{'));
    let end = text.match_indices(MARK).map(|(at, _)| at).find(is_inline).unwrap_or(text.len());
    code_lines(&text[..end]).flat_map(|(_, line)| [line, "\n"]).collect()
}

/// Returns all paths of a file: those of `use` statements with their groups taken apart, and those in code.
fn paths(text: &str) -> Vec<String> {
    let (mut paths, mut rest) = (Vec::new(), String::new());
    for statement in text.split_inclusive(';') {
        match use_tree(statement) {
            Some((before, tree)) => {
                rest.push_str(before);
                expand("", tree, &mut paths);
            }
            None => rest.push_str(statement),
        }
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    paths.extend(rest.split(|c| !is_part(c)).filter(|word| word.contains("::")).map(str::to_owned));
    paths
}

/// `... use a::{b, c};` as the code before it and `a::{b, c}`.
fn use_tree(statement: &str) -> Option<(&str, &str)> {
    let at = statement.rfind("use ").filter(|at| {
        let before = statement[..*at].chars().next_back();
        before.is_none_or(|c| c.is_whitespace() || c == ')')
    })?;
    let tree = statement[at + "use ".len()..].trim_end_matches(';');
    let is_path = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_:{},*".contains(c);
    tree.chars().all(is_path).then_some((&statement[..at], tree))
}

fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let name = tree.split_whitespace().next().unwrap_or_default();
        if !name.is_empty() {
            paths.push(format!("{prefix}{name}"));
        }
        return;
    };
    let prefix = format!("{prefix}{head}");
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &group[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&prefix, &group[start..], paths);
}

/// The module that a path in the module `from` leads into; none for paths of other crates and of the module itself.
fn target(names: &BTreeSet<String>, from: &str, path: &str) -> Option<String> {
    let mut parts = path.split("::").peekable();
    let mut at: Vec<&str> = if from == ROOT { Vec::new() } else { from.split('/').collect() };
    match parts.peek().copied()? {
        "crate" => {
            at.clear();
            parts.next();
        }
        "self" => drop(parts.next()),
        "super" => {
            while parts.next_if_eq(&"super").is_some() {
                at.pop()?;
            }
        }
        first if is_module(names, &at, first) => {}
        _ => return None,
    }
    while let Some(part) = parts.next_if(|part| is_module(names, &at, part)) {
        at.push(part);
    }
    Some(if at.is_empty() { ROOT.to_owned() } else { at.join("/") })
}

fn is_module(names: &BTreeSet<String>, at: &[&str], part: &str) -> bool {
    let path = if at.is_empty() { part.to_owned() } else { format!("{}/{part}", at.join("/")) };
    names.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// What `src/a.rs` with this text uses, beside other modules.
    fn used(text: &str) -> BTreeSet<String> {
        let files = ["lib", "b", "b/c", "b/d", "a/e"].map(|name| (format!("x/src/{name}.rs"), "//! Opens.\n"));
        let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        files.push(("x/src/a.rs", text));
        imports(&Tree::from_files(&files), "x/src/").remove("a").expect("the module is there")
    }

    #[test]
    fn a_use_names_the_deepest_module_of_each_of_its_paths() {
        assert_eq!(used("use crate::b::{self, c::{X, Y as Z}, T};\n"), set(&["b", "b/c"]));
        assert_eq!(used("pub(crate) use super::b::d::*;\nuse std::b::X;\n"), set(&["b/d"]));
        assert_eq!(used("use crate::Thing;\nuse self::e::F;\n"), set(&["lib", "a/e"]));
        assert_eq!(used("use crate::a::Own;\nmod e;\n"), set(&[]));
    }

    #[test]
    fn a_path_in_code_counts_like_a_use_and_one_in_a_comment_or_an_inline_test_does_not() {
        assert_eq!(used("fn f() -> crate::b::T { e::g(b::X) }\n"), set(&["b", "a/e"]));
        assert_eq!(used("// crate::b::T\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::b::T;\n}\n"), set(&[]));
        assert_eq!(used("fn f() {}\n#[cfg(test)]\nmod tests;\nuse crate::b::T;\n"), set(&["b"]));
    }

    #[test]
    fn a_circle_is_found_through_other_modules_and_a_ladder_is_none() {
        let imports = |ties: &[(&str, &[&str])]| -> Imports {
            ties.iter().map(|(module, used)| ((*module).to_owned(), set(used))).collect()
        };
        let ladder = imports(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
        assert_eq!(circles(&ladder), BTreeSet::new());
        let tied = imports(&[("a", &["b"]), ("b", &["c"]), ("c", &["a", "d"]), ("d", &["e"]), ("e", &["d"])]);
        assert_eq!(circles(&tied), BTreeSet::from([set(&["a", "b", "c"]), set(&["d", "e"])]));
    }

    #[test]
    fn a_module_whose_file_is_elsewhere_is_not_its_parent() {
        let files = [
            ("x/src/lib.rs", "mod a;\n"),
            ("x/src/a.rs", "#[path = \"../y.rs\"]\nmod y;\nmod b;\nfn f() { b::g() }\n"),
            ("x/src/a/b.rs", "use super::y::T;\n"),
        ];
        let imports = imports(&Tree::from_files(&files), "x/src/");
        assert_eq!(imports["a/b"], set(&["a/y"]));
        assert_eq!(circles(&imports), BTreeSet::new());
    }

    #[test]
    fn a_child_that_uses_its_parent_which_uses_the_child_is_a_circle() {
        let files = [
            ("x/src/lib.rs", "mod a;\n"),
            ("x/src/a.rs", "mod b;\nstruct T;\nfn f() { b::g() }\n"),
            ("x/src/a/b.rs", "use super::T;\n"),
        ];
        let imports = imports(&Tree::from_files(&files), "x/src/");
        assert_eq!(circles(&imports), BTreeSet::from([set(&["a", "a/b"])]));
    }
}
