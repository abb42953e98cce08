//! Environment variables that look like settings and are none: a misspelled one would else be ignored without a word.

use super::descriptions::nearest;
use clap::Command;
use std::collections::BTreeSet;

/// Read by `serve --dev` without being a flag, so that a key appears in no list of processes.
const OTHERS: [&str; 1] = ["MUSTER_KEY"];

/// Returns what is said of each variable of these names that nothing reads.
pub(crate) fn warnings(command: &Command, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known: BTreeSet<String> = OTHERS.iter().map(|name| (*name).to_owned()).collect();
    gather(command, &mut known);
    let unknown: BTreeSet<String> =
        names.into_iter().filter(|name| name.starts_with("MUSTER_") && !known.contains(name)).collect();
    let words = |name: &String| {
        let meant = nearest(name, known.iter().map(String::as_str));
        format!("the environment variable {name} is not a setting of Muster and is ignored; did you mean {meant}?")
    };
    unknown.iter().map(words).collect()
}

/// The same of the environment of this process.
pub(crate) fn in_environment(command: &Command) -> Vec<String> {
    warnings(command, std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

fn gather(command: &Command, known: &mut BTreeSet<String>) {
    let variables = command.get_arguments().filter_map(|argument| argument.get_env());
    known.extend(variables.map(|name| name.to_string_lossy().into_owned()));
    command.get_subcommands().for_each(|inner| gather(inner, known));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    // Fails when `gather` does not go into subcommands: then MUSTER_URL is unknown.
    #[test]
    fn a_variable_that_nothing_reads_is_told_with_the_nearest() {
        let names = ["MUSTER_LISTN", "MUSTER_LISTEN", "MUSTER_URL", "MUSTER_KEY", "HOME", "MUSTER_LISTN"];
        let said = warnings(&crate::Cli::command(), names.map(str::to_owned));
        let want = "the environment variable MUSTER_LISTN is not a setting of Muster and is ignored; did you mean MUSTER_LISTEN?";
        assert_eq!(said, [want]);
    }
}
