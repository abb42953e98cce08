//! Every bound of the server, each with its reason. Bounds of the rules are in `muster_core::limits`, those of queues and
//! groups in the engines.

use std::time::Duration;

/// Connections at a time over one listener: each costs a task and two buffers; beyond it the one that is idle for the longest
/// time gives way.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Descriptors that are left to the process itself and to collectors of metrics, before the rest is shared.
const DESCRIPTORS_KEPT: u64 = 128;
/// Descriptors of an open workspace: its writer has eight (two connections with two each, the index that they share, two files
/// of the redo log, the number of the last group), and four kept readers two each.
const DESCRIPTORS_OF_A_WORKSPACE: u64 = 16;
/// Largest step of the wall clock that is taken, in milliseconds: one that is set right by hand or by a time server is off
/// by less.
pub const CLOCK_STEP_MS_MAX: i64 = 600_000;
/// How often it is noted what was seen of the clock.
pub const CLOCK_NOTE_PERIOD: Duration = Duration::from_secs(60);
/// How often records of access to personal data are written: a process that is killed loses half a second of them.
pub const PERSONAL_DATA_PERIOD: Duration = Duration::from_millis(500);
/// Records of them that wait: two minutes of the largest rate of Delete Users, at 300 bytes each.
pub const PERSONAL_DATA_WAITING_MAX: usize = 10_000;
/// How often the server checks whether only a restart helps, and so the longest delay of the exit.
pub const POISON_PERIOD: Duration = Duration::from_millis(500);

/// Divides file descriptors, so that connections never take those of the storage: returns the most connections and the most
/// workspaces that stay open. Each gets half, up to its own bound.
pub fn divide_descriptors(descriptors: u64) -> (usize, usize) {
    let half = descriptors.saturating_sub(DESCRIPTORS_KEPT) / 2;
    let as_count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let connections = as_count(half).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
    let workspaces = as_count(half / DESCRIPTORS_OF_A_WORKSPACE).clamp(1, WORKSPACES_OPEN_MAX);
    (connections, workspaces)
}

/// Connections without which a server is of no use.
const CONNECTIONS_MIN: usize = 16;
/// Workspaces whose connections stay open: at most 370 KB each, without binding maps.
pub const WORKSPACES_OPEN_MAX: usize = 64;
/// Part of them, as a divisor, that one network may have: three quarters are left for others.
pub const NETWORK_CONNECTIONS_SHARE: usize = 4;
/// Idle connections that give way at once where one must: the search for them looks at all connections.
pub const GIVE_WAY_AT_ONCE: usize = 16;
/// Connections that wait to be taken in: the clients of a busy balancer that come back at the same moment.
pub const BACKLOG: i32 = 4_096;
/// How long is waited after a connection could not be taken in, mostly because no descriptor was free.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// How long a client may take for the head of a request, from its first byte on.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may ask for nothing (behaviour.md 1.11.e): longer than common clients keep one.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long one connection is used: then its client opens another, and may meet another server.
pub const CONNECTION_AGE_MAX: Duration = Duration::from_secs(3_600);
/// How long a client may take to close a connection after it was told that it ends.
pub const GOODBYE_TIME: Duration = Duration::from_secs(2);
/// How long a request may take from its head to the last byte of its answer, except for live streams: a body over a slow line, the
/// work, and some megabytes of an answer over the same line.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(120);
/// Bytes of an answer that are given out at a time: less than a frame of HTTP/2, and as much as a stream may keep in its
/// buffer after its last byte was given out.
pub const ANSWER_PIECE_BYTES_MAX: usize = 16 * 1024;
/// How often an HTTP/2 client is asked whether it is there.
pub const PING_PERIOD: Duration = Duration::from_secs(20);
/// How long it may take to say so.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests of an HTTP/2 connection that were taken back, or refused for a fault, and are remembered: a client that goes
/// beyond it is ended (CVE-2023-44487).
pub const STREAM_RESETS_MAX: usize = 64;
/// How often the server checks whether the files of the certificate changed.
pub const CERTIFICATE_CHECK_PERIOD: Duration = Duration::from_secs(10);
/// How long a new connection may send nothing: a real client sends at once.
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a TLS handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer that waits for it: a client that never reads would hold the answer and
/// the connection for ever.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections at a time over the listener of `/metrics`: a few collectors, some of which forget to close.
pub const METRICS_CONNECTIONS_MAX: usize = 64;
/// Connections at a time over a listener for the management API and the console: people and their tools.
pub const MANAGE_CONNECTIONS_MAX: usize = 256;
/// Reading calls of the management API at a time, from the token to the last byte of the answer: each may hold a page of
/// large items (some MB) and a reader of the storage. Beyond it they are answered 503.
pub const MANAGEMENT_READS_MAX: usize = 32;
/// Characters of a given token of the management API: shorter ones can be guessed.
pub const TOKEN_LENGTH_MIN: usize = 16;
/// Bytes that one request may make the server hold before its caller is known (behaviour.md 1.11.f): the head, what is
/// read ahead of the body, and a form that anybody may send.
pub const UNKNOWN_STREAM_BYTES_MAX: usize = 64 * 1024;
/// The same for all requests of one connection together.
pub const UNKNOWN_CONNECTION_BYTES_MAX: usize = 1 << 20;
/// Bytes of a request's head, and of the read buffer of an HTTP/1.1 connection: room for 100 headers of some length. A
/// request may hold it twice: its head, and a chunk of its body that nobody has taken.
pub const HEAD_BYTES_MAX: usize = 24 * 1024;
/// Bytes of the headers of one HTTP/2 request, as RFC 9113 6.5.2 counts them.
pub const STREAM_HEAD_BYTES_MAX: u32 = 16 * 1024;
/// Bytes of the body of an HTTP/2 request that are received before a handler reads them.
pub const STREAM_WINDOW_BYTES: u32 = 40 * 1024;
/// The same for all requests of one HTTP/2 connection together.
pub const CONNECTION_WINDOW_BYTES: u32 = 192 * 1024;
/// Requests at a time on one HTTP/2 connection.
pub const STREAMS_MAX: u32 = 32;
/// Bytes of an answer that wait in one HTTP/2 stream for its client to take them.
pub const SEND_BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Buffers of an HTTP/2 connection beside its requests: one frame each way, and the two tables of header compression.
pub const CONNECTION_BUFFER_BYTES: usize = 48 * 1024;
/// How long a client may take to send a body: 100 KB over a slow line, and no longer.
pub const BODY_DEADLINE: Duration = Duration::from_secs(20);
/// Bytes of a body that are read and thrown away, after an answer that came before its end, to keep the connection: beyond
/// it a new connection costs less.
pub const KEPT_BODY_BYTES_MAX: u64 = 1 << 20;
/// Workspaces whose figures `/metrics` shows, each with its id as a label: beyond it a scrape would grow with them.
pub const WORKSPACES_MEASURED: usize = 100;
/// Refusals that the log does not keep and that can be looked up by their request id, of each workspace and of callers
/// without a valid key (behaviour.md 4.p): some 150 bytes each.
pub const REFUSALS_KEPT: usize = 1_000;
/// Bytes that are read and thrown away after a refusal (behaviour.md 1.6.c), so that a client that sends all before it
/// reads can read why.
pub const DRAIN_BYTES_MAX: u64 = 64 << 20;
/// How long that may take.
pub const DRAIN_TIME: Duration = Duration::from_secs(2);
/// Refused requests that are read on at a time: beyond it connections are closed at once.
pub const DRAINS_MAX: usize = 256;
/// Bytes that are thrown away at a time; they lie on the stack.
pub const DRAIN_PIECE_BYTES: usize = 8 * 1024;
/// How long a body may still take when the server stops: most are nearly complete.
pub const STOPPING_BODY_TIME: Duration = Duration::from_secs(2);
/// Bytes of bodies that are being read or decided at a time, over all workspaces: about a tenth of what they take as
/// parsed elements. Beyond it requests are answered 503 early (behaviour.md 1.11).
pub const IN_FLIGHT_BYTES_MAX: usize = 96 << 20;
/// Bytes of memory for building answers, over all workspaces: separate from bodies, so that reading refuses no import.
pub const READING_BYTES_MAX: usize = 96 << 20;
/// Of those, what one workspace may take.
pub const READING_BYTES_WORKSPACE_MAX: usize = 48 << 20;
/// What an answer takes in memory while it is built and sent, as a multiple of its stored rows: of large values twice as much, of
/// arrays of small numbers twenty-five times.
pub const READ_FACTOR: u64 = 12;
/// Of those, what one workspace may take, so that it cannot fill the memory of the others.
pub const IN_FLIGHT_BYTES_WORKSPACE_MAX: usize = 48 << 20;
/// Bytes of a body of the sibling APIs (behaviour.md 1.6).
pub const SIBLING_BODY_BYTES_MAX: u64 = 131_072;
/// Bytes of a body of the management API: settings and identity settings with long exception lists.
pub const MANAGEMENT_BODY_BYTES_MAX: u64 = 1 << 20;
/// Largest window of a zstd frame, as a power of two: 8 MiB (behaviour.md 1.6).
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Longest `Idempotency-Key` (behaviour.md 1.4).
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = muster_core::limits::IDEMPOTENCY_KEY_BYTES_MAX;
/// How often the server looks for due deletions: they are due in hours, and the look-up reads one small index.
pub const SWEEP_PERIOD: Duration = Duration::from_secs(30);
/// How often a server over a shared database looks for what others changed: how long a key that was taken away elsewhere
/// may still work here.
pub const FOLLOW_PERIOD: Duration = Duration::from_secs(2);
/// Live profiles that are looked up at a time to be swept.
pub const SWEEP_PROFILES_MAX: usize = 100;
/// How often the server looks for activations that do not run, and how long one waits for a place in its queue.
pub const ACTIVATION_PERIOD: Duration = Duration::from_millis(100);
/// How long an activation waits after a failure of the storage.
pub const ACTIVATION_RETRY: Duration = Duration::from_secs(5);
/// Former holders that a lookup lists.
pub const FORMER_HOLDERS_MAX: usize = 20;
/// Members of one page: each is computed from its subtree, which takes some milliseconds in a chain of a thousand.
pub const MEMBERS_PAGE_MAX: usize = 100;
/// Bytes of a page of members, give or take one item: each lists the current values of its subtree.
pub const MEMBERS_PAGE_BYTES_MAX: usize = 2 << 20;
/// Member records that are read to find the last holders of a value.
pub const FORMER_LOOKED_MAX: usize = 1_000;
/// Merges that are read for one filtered page: a page that finds few ends there, with a cursor for the next.
pub const MERGES_LOOKED_MAX: usize = 10_000;
/// Live profiles that a preview of identity settings copies into memory: 50,000 take two to three seconds.
pub const PREVIEW_PROFILES_MAX: usize = 50_000;
/// Most entries that one bulk replay takes.
pub const REPLAY_ENTRIES_MAX: usize = muster_wire::manage::quarantine::REPLAY_ENTRIES_MAX;
/// Bulk replays that are remembered, and so the most that run.
pub const REPLAY_JOBS_MAX: usize = 100;
/// How long a bulk replay waits when the queue is full.
pub const REPLAY_RETRY: Duration = Duration::from_millis(200);
/// How often the server looks for expired rows: retention is set in days, and the look-up reads the first entry of
/// seven indexes.
pub const EXPIRE_PERIOD: Duration = Duration::from_secs(300);
/// How often deleted quarantine entries are removed that can no longer be restored. Only a workspace that may have some is
/// checked.
pub const DELETED_PERIOD: Duration = Duration::from_secs(10);
/// Delete Users calls of one workspace in a minute (FACTS 4).
pub const DELETES_PER_MINUTE: u32 = 5_000;
/// Dry runs at a time in one workspace (behaviour.md 1.3).
pub const DRY_RUNS_MAX: usize = 2;
/// How often a request is read again because the settings changed under it: each time needs a change of settings between
/// two looks at them, so that this many are a client that changes settings in a loop on a machine that has much to do.
pub const STALE_ROUNDS_MAX: usize = 16;
/// `Retry-After` of an overload: queues drain in milliseconds.
pub const OVERLOAD_RETRY_SECONDS: u32 = 1;
/// `Retry-After` of storage that fails: an operator must act.
pub const UNAVAILABLE_RETRY_SECONDS: u32 = 5;
/// Wrong keys of one address that are answered without delay within [`WRONG_KEY_WINDOW_SECONDS`]: a typo, a rotation.
pub const WRONG_KEYS_FREE: u32 = 5;
/// The first delay of a wrong key; each further one doubles it.
pub const WRONG_KEY_DELAY: Duration = Duration::from_millis(10);
/// The longest delay: below the shortest time-out of real clients (2 s, clients.md 4.13), so that they still read why.
pub const WRONG_KEY_DELAY_MAX: Duration = Duration::from_secs(1);
/// How long a wrong key counts against its address.
pub const WRONG_KEY_WINDOW_SECONDS: i64 = 60;
/// Addresses whose wrong keys are remembered; beyond it all are forgotten.
pub const WRONG_KEY_ADDRESSES_MAX: usize = 10_000;
/// How long requests in flight may take after a signal to stop: shorter than the grace of common supervisors (30 s).
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);
/// Items of a page where no `limit` is asked for.
pub const PAGE_DEFAULT: usize = 100;
/// Most items of a page.
pub const PAGE_MAX: usize = 1_000;
/// Longest grace of a rotated key: a month.
pub const GRACE_SECONDS_MAX: i64 = 31 * 86_400;
/// How long a session of the console lasts at most: a working week.
pub const SESSION_MS: i64 = 7 * 86_400_000;
/// How long a session lasts while nobody uses it: a working day.
pub const SESSION_IDLE_MS: i64 = 12 * 3_600_000;
/// How much later than what is stored a session may have been used, in milliseconds: one write a minute, whatever is used.
pub const SESSION_SEEN_MS: i64 = 60_000;
/// How often the server ends expired sessions and writes the last use of the others.
pub const SESSION_WRITE_PERIOD: Duration = Duration::from_secs(60);
/// Sessions that ended of which the reason is remembered, for the sign-in page: 100 KB.
pub const SESSION_ENDS_MAX: usize = 1_000;
/// Messages that wait in a session for its next pages: an action has one message, and few tabs are busy at a time.
pub const FLASHES_MAX: usize = 4;
/// How long a message waits, in milliseconds: a redirect is followed at once, or by a browser that wakes from sleep.
pub const FLASH_MS: i64 = 300_000;
/// Addresses whose refused sign-ins are recorded within [`SIGN_IN_RECORD_MS`], each once: beyond it none is, so that the
/// audit log cannot be filled from many addresses.
pub const SIGN_IN_ADDRESSES_MAX: usize = 100;
/// For how long a second refused sign-in of an address is not recorded, in milliseconds.
pub const SIGN_IN_RECORD_MS: i64 = 60_000;
/// Records of the audit log of a workspace that are searched for the origin of its keys: the newest, some megabytes.
pub const KEY_AUDIT_LOOK_MAX: usize = 5_000;
/// Sessions of the console at a time: two megabytes.
pub const SESSIONS_MAX: usize = 10_000;
/// Of those, sessions of one token; the one used least lately gives way.
pub const SESSIONS_TOKEN_MAX: usize = 100;
/// Of those, sessions that only administrators may begin.
pub const SESSIONS_KEPT: usize = 100;
/// Rows of a page of the console.
pub const CONSOLE_ROWS: usize = 50;
/// Identifiers, and attributes, that the page of a user lists; a thousand members have thousands of aliases.
pub const USER_ROWS_MAX: usize = 200;
/// Changes that it lists for one attribute.
pub const WHY_LINES_MAX: usize = 20;
/// Attributes that the console lists for a member: fifty members with hundreds each would be a page of megabytes.
pub const MEMBER_ATTRIBUTES_SHOWN_MAX: usize = 20;
/// Merges of one element that one before/after table covers.
pub const MERGE_SIDES_MAX: usize = 12;
/// Longest text of a value that a page of the console shows; the rest is in the JSON.
pub const CONSOLE_VALUE_CHARS_MAX: usize = 2_000;
/// Longest form that anybody may send, signed in or not: a token and where to go.
pub const OPEN_FORM_BYTES_MAX: u64 = 4 * 1024;
/// Longest form of a signed-in user, unless it changes what is in a workspace: a search term, a filter, a name.
pub const READING_FORM_BYTES_MAX: u64 = 8 * 1024;
/// Longest place that the sign-in page leads on to: the paths of the console are shorter.
pub const NEXT_BYTES_MAX: usize = 1_024;
/// Longest form of a user who may change what is in a workspace: an element to correct, and its names.
pub const CONSOLE_FORM_BYTES_MAX: u64 = 2 << 20;
/// Bytes of rows that a filter looks through for one page, of any list.
pub const LOOK_BYTES_MAX: u64 = 16 << 20;
/// Entries of the quarantine that a filter looks through for one page: some thousand rows, a few milliseconds.
pub const QUARANTINE_LOOK_MAX: usize = 5_000;
/// Minutes of a workspace's figures that are kept in memory: what an hour's chart shows. A minute with requests takes
/// about 500 bytes.
pub const ACTIVITY_MINUTES: usize = 60;
/// Seconds over which the requests per second are averaged: long enough for a number that can be read, short enough to
/// follow a burst.
pub const RATE_SECONDS: usize = 10;
/// Types of faults that are counted each by itself: the tables of reasons have about fifty; the rest counts as one.
pub const FAULT_TYPES_MAX: usize = 64;
/// Client addresses of a key that are counted: more than that is "many" to a reader.
pub const KEY_ADDRESSES_MAX: usize = 1_000;
/// Keys of a workspace whose use is remembered, ended ones with them: the key used longest ago makes room.
pub const KEY_USES_MAX: usize = 64;
/// Requests that wait for a viewer of a live stream: a second of a busy workspace. A slower viewer loses the oldest.
pub const LIVE_BUFFER: usize = 256;
/// Profiles that a request of a live stream is remembered to have touched: 8 KB at most, of which [`LIVE_BUFFER`] wait. One
/// that touched more is shown to everybody who follows a user.
pub const LIVE_PROFILES_MAX: usize = 1_000;
/// Entries of the log that a filter looks through for one page: each is read whole, some 25 us for a request of two hundred
/// elements (docs/benchmarks.md), and a page has 150 ms.
pub const REQUEST_LOOK_MAX: usize = 1_000;
/// Entries of the log that are read at a time while a filter looks through it: few of them may fit.
pub const REQUEST_LOOK_ROWS: usize = 200;
/// Viewers of live streams at a time, over all workspaces: each holds a connection. Beyond it they are answered 503.
pub const LIVE_VIEWERS_MAX: usize = 64;
/// How long a live stream says nothing before it says that it lives: half of what common proxies wait.
pub const LIVE_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a viewer is checked, and so how long a revoked token may still read. The members of a user that a stream
/// follows are read again as often.
pub const LIVE_CHECK_PERIOD: Duration = Duration::from_secs(2);
/// Separations, and where one was lifted merge records, that are searched for reverts since a merge: reverts are
/// made manually. Beyond it both sides are shown without the claim that they are complete.
pub const BEFORE_RECORDS_MAX: usize = 10_000;
/// How often a viewer of the console's live page gets the rate, in milliseconds: as fast as people read.
pub const LIVE_RATE_MS: i64 = 1_000;
