//! Owns `bench console`: the time of every page with many users stored, the bytes of the first page, and imports beside
//! viewers of the live stream. Pages are timed at the client on loopback, from the first byte sent to the last received.
//! Leaves the client and the data to `console/client.rs`, the viewers to `console/viewers.rs`.

mod client;
mod viewers;

use super::options::number;
use super::output::print_line;
use super::server::{BenchServer, BenchWorkspace, binary};
use super::{proc, window};
use crate::bodies::World;
use anyhow::{Context, Result, bail};
use client::ConsoleClient;
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::time::Instant;

const USAGE: &str = "\
usage: cargo xtask bench console [--users N] [--seconds N] [--rounds N] [--dir D] [--binary F]
  --users N    users stored before anything is measured, with three events each (10,000-10,000,000; default 100,000)
  --seconds N  the length of a run of imports (1-600; default 5)
  --rounds N   alternations without and with viewers (1-20; default 5)
  --dir D      where the temporary data directory goes (default: /var/tmp, else the system's); a disk, not tmpfs
  --binary F   a muster binary to measure instead of a fresh release build";

/// How often each page is asked for.
const GETS: usize = 20;
/// The target for a page, in milliseconds.
const PAGE_MS: f64 = 150.0;
/// The target for the first page with the style sheet and the script, in bytes.
const FIRST_PAGE_BYTES: usize = 60_000;

/// What was asked for.
#[derive(Debug)]
struct Options {
    users: u64,
    seconds: u64,
    rounds: u64,
    dir: PathBuf,
    binary: Option<PathBuf>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let var = Some(PathBuf::from("/var/tmp")).filter(|dir| dir.is_dir());
        let dir = var.unwrap_or_else(std::env::temp_dir);
        let mut options = Self { users: 100_000, seconds: 5, rounds: 5, dir, binary: None };
        let mut rest = args.iter();
        while let Some(flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value\n{USAGE}"));
            match flag.as_str() {
                "--users" => options.users = number(flag, value()?, 10_000..=10_000_000)?,
                "--seconds" => options.seconds = number(flag, value()?, 1..=600)?,
                "--rounds" => options.rounds = number(flag, value()?, 1..=20)?,
                "--dir" => options.dir = value()?.into(),
                "--binary" => options.binary = Some(value()?.into()),
                other => bail!("unknown option {other:?}\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

/// Runs the benchmark and prints its tables.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    window::watch_signals()?;
    let binary = binary(options.binary.as_deref())?;
    let scratch = tempfile::Builder::new().prefix("muster-bench-console-").tempdir_in(&options.dir)?;
    let server = BenchServer::muster(&binary, &scratch.path().join("data"))?;
    let workspace = server.workspace("CONSOLE", World::new(options.users))?;
    print_line(&format!("machine: {}", proc::machine(scratch.path())));
    let began = Instant::now();
    client::preload(&server, &workspace, options.users)?;
    let (users, events) = server.counts(&workspace.id)?;
    print_line(&format!("stored: {users} users, {events} events, in {:.0} s\n", began.elapsed().as_secs_f64()));
    pages(&server, &workspace)?;
    first_page(&server, &workspace)?;
    viewers::beside_imports(&server, &workspace, options.rounds, options.seconds)?;
    server.stop()
}

/// The pages with the addresses of what is stored.
fn addresses(server: &BenchServer, workspace: &BenchWorkspace) -> Result<Vec<(String, String)>> {
    let under = |rest: &str| format!("/workspaces/{}{rest}", workspace.id);
    let first = |path: &str| -> Result<String> {
        let found = server.manage("GET", &under(path), &Json::Null)?;
        let item = &found["items"][0];
        let id = item["id"].as_str().or_else(|| item["request_id"].as_str());
        Ok(id.with_context(|| format!("nothing is listed at {path}"))?.to_owned())
    };
    let find = |n: u64| -> Result<String> {
        let find = json!({"kind": "customer_id", "value": client::customer(n)});
        let user = server.manage("POST", &under("/users/find"), &find)?;
        Ok(user["id"].as_str().context("the user is not found")?.to_owned())
    };
    // The first is the root of the tree, the other a profile of its own.
    let (tree, chain, user) = (find(0)?, find(2_000)?, find(3_999)?);
    let (request, merge, review) = (first("/requests")?, first("/merges")?, first("/reviews")?);
    let busy = server.manage("GET", &under("/requests?outcome=created&limit=1"), &Json::Null)?;
    let busy = busy["items"][0]["request_id"].as_str().unwrap_or(&request).to_owned();
    let within = |rest: String| (rest.clone(), format!("/w/{}/{rest}", workspace.id));
    let named = [
        "overview",
        "overview/figures",
        "overview/budget",
        "live",
        "live?outcome=rejected",
        "live?status=400",
        "live?kind=device",
        "quarantine",
        "quarantine?state=replayed",
        "users",
        "merges",
        "merges?cause=activation",
        "merges?state=reverted",
        "reviews",
        "identity",
        "identity/progress",
        "settings",
        "settings/workspace",
        "audit",
    ];
    let of_one = [
        format!("users/{tree}"),
        format!("merges?user_id={tree}"),
        format!("live?user_id={tree}"),
        format!("users/{chain}"),
        "merges/m1".to_owned(),
        "merges/m999?preview=revert".to_owned(),
        format!("users/{user}"),
        format!("users/{user}?name=opened"),
        format!("requests/{request}"),
        format!("requests/{busy}"),
        format!("merges/{merge}"),
        format!("merges/{merge}?preview=revert"),
        format!("reviews/{review}"),
    ];
    let outside = ["/sign-in", "/workspaces", "/tokens", "/components"].map(|it| (it.to_owned(), it.to_owned()));
    Ok(named.map(str::to_owned).into_iter().chain(of_one).map(within).chain(outside).collect())
}

fn pages(server: &BenchServer, workspace: &BenchWorkspace) -> Result<()> {
    let mut client = ConsoleClient::signed_in(server)?;
    print_line("| page | median ms | max ms | bytes |\n|---|---|---|---|");
    let mut slow = Vec::new();
    for (name, path) in addresses(server, workspace)? {
        let row = time_requests(&mut client, &name, &mut |client| client.get(&path, ""))?;
        slow.extend((row > PAGE_MS).then_some(name));
    }
    let find = format!("q={}", client::customer(11));
    let to = |rest: &str| format!("/w/{}/{rest}", workspace.id);
    time_requests(&mut client, "users (find, POST)", &mut |client| client.post(&to("users"), &find))?;
    let draft = "enabled=1&kind-0=customer_id&kind-1=mobile&kind-2=email&kind-3=referral&do=preview";
    time_requests(&mut client, "identity (preview of a further kind, POST)", &mut |client| {
        client.post(&to("identity"), draft)
    })?;
    print_line(&format!("\nGET pages over {PAGE_MS} ms: {slow:?}\n"));
    Ok(())
}

/// Asks for a page, prints its row; its highest time in milliseconds.
fn time_requests(
    client: &mut ConsoleClient,
    name: &str,
    ask: &mut dyn FnMut(&mut ConsoleClient) -> Result<client::ConsoleAnswer>,
) -> Result<f64> {
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..GETS {
        window::check_interrupted()?;
        let began = Instant::now();
        let answer = ask(client)?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        if answer.status != 200 {
            bail!("{name} is answered {}", answer.status);
        }
        bytes = answer.body.len();
    }
    times.sort_by(f64::total_cmp);
    let most = times[GETS - 1];
    print_line(&format!(
        "| {name} | {:.1} | {most:.1} | {bytes} |",
        f64::midpoint(times[GETS / 2 - 1], times[GETS / 2])
    ));
    Ok(most)
}

/// What a browser that comes for the first time receives before it shows the overview, without and with gzip taken.
fn first_page(server: &BenchServer, workspace: &BenchWorkspace) -> Result<()> {
    let mut client = ConsoleClient::signed_in(server)?;
    let page = client.get(&format!("/w/{}/overview", workspace.id), "")?;
    let text = String::from_utf8_lossy(&page.body).into_owned();
    let assets: Vec<&str> = text.split('"').filter(|it| it.starts_with("/assets/")).collect();
    print_line("| first page | bytes on the wire | with Accept-Encoding: gzip | gzipped |\n|---|---|---|---|");
    let mut sums = [0; 3];
    let overview = format!("/w/{}/overview", workspace.id);
    for path in std::iter::once(overview.as_str()).chain(assets) {
        let plain = client.get(path, "")?.body;
        let taken = client.get(path, "Accept-Encoding: gzip\r\n")?.body.len();
        let row = [plain.len(), taken, client::gzip_len(&plain)?];
        sums.iter_mut().zip(row).for_each(|(sum, bytes)| *sum += bytes);
        print_line(&format!("| {} | {} | {} | {} |", path.rsplit('/').next().unwrap_or(path), row[0], row[1], row[2]));
    }
    let verdict = if sums[1] <= FIRST_PAGE_BYTES { "reached" } else { "missed" };
    print_line(&format!(
        "| together | {} | {} | {} |\n\ntarget of {FIRST_PAGE_BYTES} bytes: {verdict}\n",
        sums[0], sums[1], sums[2]
    ));
    Ok(())
}
