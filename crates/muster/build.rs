//! Tells the binary which commit it was built from, so that `--version` and `/metrics` can say so. Outside of a repository
//! the environment may say it (MUSTER_COMMIT, MUSTER_COMMIT_DATE), as a container's build does; else it is unknown.

use std::process::Command;

// `cargo run` hands on what is set here: a name of the server's own would be taken for a setting that it does not know.
fn main() {
    let commit = given_or_asked("MUSTER_COMMIT", &["rev-parse", "--short=12", "HEAD"]);
    let date = given_or_asked("MUSTER_COMMIT_DATE", &["show", "--no-patch", "--format=%cs", "HEAD"]);
    println!("cargo::rustc-env=BUILT_FROM={commit}");
    println!("cargo::rustc-env=BUILT_FROM_DATE={date}");
    println!("cargo::rerun-if-env-changed=MUSTER_COMMIT");
    println!("cargo::rerun-if-env-changed=MUSTER_COMMIT_DATE");
    // Each commit moves the log of HEAD, whichever branch it is on.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
}

fn given_or_asked(variable: &str, question: &[&str]) -> String {
    let given = std::env::var(variable).ok().filter(|value| !value.is_empty());
    given.or_else(|| git(question)).unwrap_or_else(|| "unknown".to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
