//! `cargo xtask`: the project's own chores. This file reads the command line and hands over; `stages` holds what
//! `cargo xtask test` runs, `tidy` the rules about source text, `long` the long forms of tests, `mutants`
//! the proof that the laws find bugs, `bench` the measurements and `bench/worst` the worst requests, `counts` the counted instructions, `fuzz` the fuzz targets. Nothing depends on this crate.
#![expect(clippy::print_stdout, reason = "a command line tool reports on standard output")]

#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "counts")]
mod bodies;
mod counts;
#[cfg(feature = "fuzz")]
mod fuzz;
mod injected_bugs;
mod long;
mod mutants;
mod repo;
mod postgres_install;
mod stages;
mod tidy;

use std::process::ExitCode;

use repo::Repo;

/// What `cargo xtask help` prints; one line for each command.
const HELP: &str = "\
cargo xtask test [STAGE...]        every check and test, or the named stages
cargo xtask tidy [--lower]         the rules about source text that no compiler checks
cargo xtask laws [--cases N]       the property tests of the rules, long form
cargo xtask mutants [injected|generated] [--file PATH] [--shard K/N] [--minutes N]   do the laws find bugs? hours for all of it
cargo xtask durability [--rounds N]   kill and restart under load, each call that fails, flips: long form, with its counter-proofs
cargo xtask activation [--profiles N]   kinds become active under imports and kills, long form, with its figures
cargo xtask bench WHAT ...         measurements; `cargo xtask bench` alone names them
cargo xtask worst [--quick] [--only NAME,...]   the worst requests that are known, at n and 4n: none may cost more than its size
cargo xtask counts [--write]       instructions of the parser, `decide` and the codecs, compared with xtask/counts.toml
cargo xtask fuzz [--seconds N] [--seed N]   the fuzz targets on the stable compiler, from their corpora
cargo xtask help                   this text

Environment:
  MUSTER_INSTALL_TOOLS=1   let `test` install cargo-deny and `mutants` cargo-mutants when absent (costs minutes)
  CARGO_TARGET_DIR         where builds go, as everywhere in cargo
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command; `false` when it found something wrong and has said so itself.
fn dispatch(args: &[String]) -> anyhow::Result<bool> {
    let (command, rest) = args.split_first().map_or(("help", args), |(first, rest)| (first.as_str(), rest));
    match command {
        "test" => stages::run(&Repo::find()?, rest),
        "tidy" => tidy::run(&Repo::find()?, rest),
        "laws" => long::laws(&Repo::find()?, rest),
        "durability" => long::durability(&Repo::find()?, rest),
        "activation" => long::activation(&Repo::find()?, rest),
        "mutants" => mutants::run(&Repo::find()?, rest),
        "bench" | "worst" => measure(command, rest),
        "counts" => counts::run(&Repo::find()?, rest),
        #[cfg(feature = "counts")]
        "count-work" => counts::work(rest),
        "fuzz" => fuzz(&Repo::find()?, rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}{}", stages::help());
            Ok(true)
        }
        other => anyhow::bail!("no command `{other}`; `cargo xtask help` lists them"),
    }
}

/// The measurements, in this process: it was built with them.
#[cfg(feature = "bench")]
fn measure(command: &str, args: &[String]) -> anyhow::Result<bool> {
    if command == "worst" {
        return bench::worst::run(args);
    }
    bench::run(args)?;
    Ok(true)
}

/// The measurements, by a build of this program that has them; optimised, because a slow generator measures itself.
#[cfg(not(feature = "bench"))]
fn measure(command: &str, args: &[String]) -> anyhow::Result<bool> {
    let repo = Repo::find()?;
    let build = ["run", "--quiet", "--release", "--locked", "-p", "xtask", "--features", "bench", "--", command];
    repo::succeeds(repo.cargo(&build).args(args))
}

/// The fuzz targets, in this process: it was built with them.
#[cfg(feature = "fuzz")]
fn fuzz(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    fuzz::run(repo, args)
}

/// The fuzz targets, by a build of this program that has them; optimised, because a minute must see many inputs.
#[cfg(not(feature = "fuzz"))]
fn fuzz(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    let build = ["run", "--quiet", "--release", "--locked", "-p", "xtask", "--features", "fuzz", "--", "fuzz"];
    repo::succeeds(repo.cargo(&build).args(args))
}
