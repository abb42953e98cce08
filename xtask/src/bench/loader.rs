//! Owns the hand-written PostgreSQL loader G: the service an able engineer would write without Muster. One transaction a
//! request, set-based statements over `UNNEST`, fed with the very bodies that Muster gets. Leaves deciding what a body
//! means to `loader/rows.rs`, the simpler service N to `loader/single.rs` and the database server to `postgres.rs`.

mod rows;
mod single;

use super::load::LoadOutcome;
use super::proc::Usage;
use super::window::{Span, Times, WindowPhase, check_interrupted, measure, seconds_since_1970};
use crate::bodies::{Bodies, Kind, Rng, World};
use anyhow::{Context, Result};
use rows::{LoadedBody, Rows};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Statement};

/// The tables; kept as SQL because that is what one reads them as.
const TABLES: &str = include_str!("loader.sql");
/// User ids that one `nextval` hands out (the sequence's increment).
const ID_BLOCK: i64 = 1000;
/// How often a transaction is tried again after a deadlock or a race for one new identifier.
const TRIES: usize = 10;

/// How a body reaches the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoaderStyle {
    /// One transaction a request, statements over sets: G.
    Sets,
    /// One statement an element, each its own transaction: N.
    Single,
}

/// What is loaded into which database by how many connections.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) config: Config,
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) world: Arc<World>,
    pub(crate) connections: usize,
    pub(crate) seed: u64,
    pub(crate) style: LoaderStyle,
}

/// Makes the tables.
pub(crate) fn create_tables(config: &Config) -> Result<()> {
    batch(config, TABLES)
}

/// Statistics, visibility and a checkpoint, so that no run pays for the one before it.
pub(crate) fn settle(config: &Config) -> Result<()> {
    batch(config, "vacuum analyze")?;
    batch(config, "checkpoint")
}

/// Copies the preloaded users into the tables of N.
pub(crate) fn copy_for_single(config: &Config) -> Result<()> {
    batch(config, single::COPY_USERS)
}

/// `(users, events)` in the tables of G.
pub(crate) fn counts(config: &Config) -> Result<(u64, u64)> {
    runtime()?.block_on(async {
        let sql = "select (select count(*) from users), (select count(*) from events)";
        let row = connect(config).await?.query_one(sql, &[]).await?;
        Ok((row.get::<_, i64>(0).unsigned_abs(), row.get::<_, i64>(1).unsigned_abs()))
    })
}

fn batch(config: &Config, sql: &str) -> Result<()> {
    runtime()?.block_on(async { Ok(connect(config).await?.batch_execute(sql).await?) })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.context("cannot connect to PostgreSQL")?;
    // Its error reaches the client's next call.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Loads the feed's bodies for the given times; `server` reads PostgreSQL's usage at both ends of the window.
pub(crate) fn drive(feed: &Feed, times: Times, server: impl Fn() -> Result<Usage>) -> Result<LoadOutcome> {
    run(feed, |phase| async move { measure(&phase, times, server).await })
}

/// Loads the feed's world with its users; returns users per second.
pub(crate) fn preload(feed: &Feed) -> Result<f64> {
    let began = Instant::now();
    let world = Arc::clone(&feed.world);
    let feed = Feed { bodies: Arc::new(Bodies::new(Kind::Preload, 1)), ..feed.clone() };
    run(&feed, |phase| async move {
        while !world.is_loaded() {
            check_interrupted()?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        phase.end();
        Ok(Span::default())
    })?;
    Ok(feed.world.preloaded_users() as f64 / began.elapsed().as_secs_f64())
}

fn run<F>(feed: &Feed, window: impl FnOnce(Arc<WindowPhase>) -> F) -> Result<LoadOutcome>
where
    F: Future<Output = Result<Span>>,
{
    runtime()?.block_on(async {
        let phase = Arc::new(WindowPhase::default());
        let mut workers = tokio::task::JoinSet::new();
        for i in 0..feed.connections {
            let worker = match feed.style {
                LoaderStyle::Sets => Worker::Sets(Box::new(Loader::connect(&feed.config).await?)),
                LoaderStyle::Single => Worker::Single(single::Loader::connect(connect(&feed.config).await?).await?),
            };
            workers.spawn(work(worker, feed.clone(), Rng::new(feed.seed * 10_007 + i as u64), Arc::clone(&phase)));
        }
        let ended = window(Arc::clone(&phase)).await;
        phase.end();
        let mut total = LoadOutcome::default();
        while let Some(worker) = workers.join_next().await {
            total.absorb(worker.context("a loader panicked")??);
        }
        total.latencies.sort_unstable();
        total.span = ended?;
        check_interrupted()?;
        Ok(total)
    })
}

enum Worker {
    Sets(Box<Loader>),
    Single(single::Loader),
}

async fn work(mut worker: Worker, feed: Feed, mut rng: Rng, phase: Arc<WindowPhase>) -> Result<LoadOutcome> {
    let mut seen = LoadOutcome::default();
    let mut body = Vec::with_capacity(128 * 1024);
    while !phase.is_over() && !feed.bodies.is_exhausted(&feed.world) {
        body.clear();
        feed.bodies.fill(&feed.world, &mut rng, &mut body);
        let began = Instant::now();
        match &mut worker {
            Worker::Sets(loader) => loader.load(&body).await?,
            Worker::Single(loader) => loader.load(&body).await?,
        }
        seen.all_elements += feed.bodies.elements();
        seen.all_bytes += body.len() as u64;
        if phase.counts() {
            seen.requests += 1;
            seen.elements += feed.bodies.elements();
            seen.bytes += body.len() as u64;
            seen.latencies.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
    Ok(seen)
}

/// One connection with its prepared statements and its block of fresh user ids.
struct Loader {
    client: Client,
    find: Statement,
    next_ids: Statement,
    insert_users: Statement,
    update_users: Statement,
    bind: Statement,
    rebind: Statement,
    insert_events: Statement,
    log: Statement,
    ids: Range<i64>,
}

impl Loader {
    async fn connect(config: &Config) -> Result<Self> {
        let client = connect(config).await?;
        Ok(Self {
            find: client.prepare(FIND).await?,
            next_ids: client.prepare("select nextval('user_ids')").await?,
            insert_users: client.prepare(INSERT_USERS).await?,
            update_users: client.prepare(UPDATE_USERS).await?,
            bind: client.prepare(BIND).await?,
            rebind: client.prepare(REBIND).await?,
            insert_events: client.prepare(INSERT_EVENTS).await?,
            log: client
                .prepare("insert into requests (received_at, elements, bytes) values (to_timestamp($1), $2, $3)")
                .await?,
            client,
            ids: 0..0,
        })
    }

    /// One request: parsed, then one transaction, tried again when it lost a race.
    async fn load(&mut self, bytes: &[u8]) -> Result<()> {
        let body: LoadedBody<'_> = serde_json::from_slice(bytes).context("a body that is not JSON")?;
        let now = seconds_since_1970()?;
        let keys = body.keys();
        for _ in 1..TRIES {
            match self.transaction(&body, &keys, bytes.len(), now).await {
                Ok(()) => return Ok(()),
                Err(error) if lost_a_race(&error) => self.client.batch_execute("rollback").await?,
                Err(error) => return Err(error),
            }
        }
        self.transaction(&body, &keys, bytes.len(), now).await
    }

    async fn transaction(
        &mut self,
        body: &LoadedBody<'_>,
        keys: &rows::LoadedKeys<'_>,
        length: usize,
        now: f64,
    ) -> Result<()> {
        let client = &self.client;
        // The futures of one join are pipelined: sent in this order, answered in one round trip.
        let ((), found) = tokio::try_join!(
            biased;
            client.batch_execute("begin"),
            async { client.query(&self.find, &[&keys.kinds, &keys.values]).await },
        )?;
        let mut known = HashMap::with_capacity(keys.values.len());
        for row in &found {
            known.insert((row.get::<_, i16>(0), row.get::<_, &str>(1)), row.get::<_, i64>(2));
        }
        let fresh = body.elements.len() as i64;
        while self.ids.end - self.ids.start < fresh {
            let start: i64 = client.query_one(&self.next_ids, &[]).await?.get(0);
            self.ids = start..start + ID_BLOCK;
        }
        let rows = Rows::decide(body, &known, &mut self.ids, now);
        let (new, old, events) = (&rows.created, &rows.updated, &rows.events);
        let (elements, bytes) = (i32::try_from(body.elements.len())?, i32::try_from(length)?);
        if !rows.moved.values.is_empty() {
            let moved = &rows.moved;
            client.execute(&self.rebind, &[&moved.kinds, &moved.values, &moved.users]).await?;
        }
        let bound = &rows.bound;
        tokio::try_join!(
            biased;
            execute(client, &self.insert_users, [&new.ids, &new.attributes, &new.first_seen, &new.last_seen, &new.events]),
            execute(client, &self.update_users, [&old.ids, &old.attributes, &old.last_seen, &old.events]),
            execute(client, &self.bind, [&bound.kinds, &bound.values, &bound.users]),
            execute(
                client,
                &self.insert_events,
                [&events.users, &events.names, &events.attributes, &events.platforms, &events.times, &now, &events.ids]
            ),
            execute(client, &self.log, [&now, &elements, &bytes]),
            client.batch_execute("commit"),
        )?;
        Ok(())
    }
}

/// One statement as a future that owns its list of parameters, so that several can be joined.
async fn execute<const N: usize>(
    client: &Client,
    statement: &Statement,
    parameters: [&(dyn ToSql + Sync); N],
) -> Result<u64, tokio_postgres::Error> {
    client.execute(statement, &parameters).await
}

fn lost_a_race(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    code == Some(&SqlState::T_R_DEADLOCK_DETECTED) || code == Some(&SqlState::UNIQUE_VIOLATION)
}

const FIND: &str = "select kind, value, user_id
    from unnest($1::smallint[], $2::text[]) as k (kind, value) join identifiers using (kind, value)";
const INSERT_USERS: &str = "insert into users (id, attributes, first_seen, last_seen, event_count)
    select id, attributes::jsonb, to_timestamp(first_seen), to_timestamp(last_seen), events
    from unnest($1::bigint[], $2::text[], $3::float8[], $4::float8[], $5::bigint[])
        as u (id, attributes, first_seen, last_seen, events)";
const UPDATE_USERS: &str = "update users set
        attributes = case when u.attributes is null then users.attributes else users.attributes || u.attributes::jsonb end,
        last_seen = greatest(users.last_seen, to_timestamp(u.last_seen)),
        event_count = event_count + u.events
    from unnest($1::bigint[], $2::text[], $3::float8[], $4::bigint[]) as u (id, attributes, last_seen, events)
    where users.id = u.id";
const BIND: &str = "insert into identifiers (kind, value, user_id)
    select * from unnest($1::smallint[], $2::text[], $3::bigint[])";
const REBIND: &str = "update identifiers set user_id = k.user_id
    from unnest($1::smallint[], $2::text[], $3::bigint[]) as k (kind, value, user_id)
    where identifiers.kind = k.kind and identifiers.value = k.value";
const INSERT_EVENTS: &str = "insert into events (user_id, name, attributes, platform, time, received_at, event_id)
    select user_id, name, attributes::jsonb, platform, to_timestamp(time), to_timestamp($6::float8), event_id
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::float8[], $7::text[])
        as e (user_id, name, attributes, platform, time, event_id)
    on conflict (event_id) do nothing";
