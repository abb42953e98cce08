//! Tells the binary which commit it was built from, so that `--version` and `/metrics` can say so. Outside of a repository
//! the environment may say it (MUSTER_COMMIT, MUSTER_COMMIT_DATE), as a container's build does; else it is unknown.

use std::process::Command;

fn main() {
    let commit = told("MUSTER_COMMIT", &["rev-parse", "--short=12", "HEAD"]);
    let date = told("MUSTER_COMMIT_DATE", &["show", "--no-patch", "--format=%cs", "HEAD"]);
    println!("cargo::rustc-env=MUSTER_COMMIT={commit}");
    println!("cargo::rustc-env=MUSTER_COMMIT_DATE={date}");
    println!("cargo::rerun-if-env-changed=MUSTER_COMMIT");
    println!("cargo::rerun-if-env-changed=MUSTER_COMMIT_DATE");
    // Each commit moves the log of HEAD, whichever branch it is on.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
}

fn told(variable: &str, question: &[&str]) -> String {
    let given = std::env::var(variable).ok().filter(|value| !value.is_empty());
    given.or_else(|| git(question)).unwrap_or_else(|| "unknown".to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
