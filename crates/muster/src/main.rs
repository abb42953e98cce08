//! The command line of Muster. Owned here: arguments, configuration, wiring, what is printed. Left to others: everything
//! that a server does (`muster-server`).

#[cfg(all(feature = "unsafe-no-sync", not(debug_assertions)))]
compile_error!("unsafe-no-sync loses data; it exists to prove the durability tests and is refused in release packages");

mod build_info;
mod client;
mod clock_file;
mod config;
mod descriptors;
mod escaping;
mod files;
mod logs;
mod memory;
mod operations;
mod output;
mod owner;
mod serve;
mod tables;

use anyhow::Context as _;
use build_info::VERSION;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use output::{say, say_error};
use std::path::PathBuf;
use std::process::ExitCode;

/// A self-hosted server for user and event data: imports, identity resolution, profiles.
#[derive(Debug, Parser)]
#[command(name = "muster", version = VERSION, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Data API and the management API.
    Serve(Box<config::Serve>),
    /// Create, list, show, suspend, resume or delete workspaces of a server, running or stopped.
    #[command(subcommand)]
    Workspace(operations::WorkspaceCommand),
    /// Rotate or revoke Data API keys of a server, running or stopped.
    #[command(subcommand)]
    Key(operations::KeyCommand),
    /// Create, list or revoke named tokens of the management API of a server, running or stopped.
    #[command(subcommand)]
    Token(operations::TokenCommand),
    /// Check the stored data of a stopped server; exit 1 if anything is wrong.
    Verify {
        /// The data directory.
        #[arg(long, env = "MUSTER_DATA_DIR", default_value = config::DATA_DIR)]
        data_dir: PathBuf,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Check the settings of `serve`, or show each with its value and where it comes from.
    #[command(subcommand)]
    Config(config::command::Config),
    /// Exit 0 if a server is ready (GET /readyz answers 200): for containers without curl.
    Healthcheck(client::Probe),
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a directory.
    Man {
        /// The directory; it is created if it does not exist.
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    memory::give_back_early();
    let matches = Cli::command().get_matches();
    let done = Cli::from_arg_matches(&matches).map_err(anyhow::Error::from).and_then(|cli| run(cli, &matches));
    done.unwrap_or_else(|error| {
        // `{:#}` writes the causes, too.
        say_error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

fn run(cli: Cli, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(arguments) => serve::run(*arguments, &Cli::command()),
        Command::Workspace(command) => operations::workspace(command),
        Command::Key(command) => operations::key(command),
        Command::Token(command) => operations::token(command),
        Command::Verify { data_dir } => verify(&data_dir),
        Command::Openapi => say(muster_server::openapi().trim_end()).map(|()| ExitCode::SUCCESS),
        Command::Config(command) => {
            for words in config::unknown::in_environment(&Cli::command()) {
                say_error(&format!("warning: {words}"));
            }
            let inner = matches.subcommand_matches("config").and_then(ArgMatches::subcommand);
            config::command::run(command, inner.map_or(matches, |(_, inner)| inner))
        }
        Command::Healthcheck(probe) => probe.run(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "muster", &mut std::io::stdout().lock());
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { directory } => man(&directory),
    }
}

/// Writes a page for the command and one for each subcommand: `muster.1`, `muster-serve.1`.
fn man(directory: &std::path::Path) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(directory).with_context(|| format!("{} cannot be created", directory.display()))?;
    clap_mangen::generate_to(Cli::command(), directory)
        .with_context(|| format!("{} cannot be written", directory.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn verify(data_dir: &std::path::Path) -> anyhow::Result<ExitCode> {
    let report = muster_server::app::offline::verify(data_dir)?;
    say(&report.text)?;
    Ok(if report.is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
