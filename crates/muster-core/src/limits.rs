//! Every bound of the rules, each with its reason. Bounds of sockets, queues and caches stand in the crates that have
//! those.

/// Longest value of an identifier, a `device_id`, a push or an advertising id, in bytes (behaviour.md 2).
pub const IDENTIFIER_BYTES_MAX: usize = 512;
/// Longest name of an attribute, an event or an event attribute, in bytes (behaviour.md 2).
pub const NAME_BYTES_MAX: usize = 800;
/// Largest own record, in bytes of the names and JSON values of its attributes (behaviour.md 2).
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Most attributes in one own record (behaviour.md 2).
pub const RECORD_ATTRIBUTES_MAX: usize = 2_000;
/// What the bound of a live profile counts for each attribute beside its name and value: about what a small one takes in
/// memory and on disk beyond them.
pub const ATTRIBUTE_OVERHEAD_BYTES: usize = 64;
/// Largest live profile where the workspace sets no other bound: what its members' own records weigh together
/// ([`crate::record::Size::weight`]). Eight members of the largest size, or fifty of 160 KB.
pub const PROFILE_BYTES_DEFAULT: u64 = 8 << 20;
/// The largest bound of a live profile that a workspace may set.
pub const PROFILE_BYTES_MAX: u64 = 64 << 20;
/// The smallest one: a single record of the largest size has room.
pub const PROFILE_BYTES_MIN: u64 = 2 << 20;
/// The most that the facts of one decision may weigh where a live profile may weigh so much: what two of them show and
/// hold that together are as large as one may be, half as much again for all else, and some for a workspace of small ones.
pub const fn facts_bytes(profile_bytes: u64) -> u64 {
    2 * profile_bytes + profile_bytes / 2 + (12 << 20)
}
/// What a listed identifier takes beside its value, about.
pub const KEY_OVERHEAD_BYTES: usize = 64;
/// Bytes that the merge records of one decision may list: names that were filled, identifiers that were brought.
pub const MERGED_BYTES_MAX: usize = 8 << 20;
/// Bytes of own records that one batch of an activation looks at, about, and of live profiles that one look at a value
/// loads; there is always one.
pub const SCAN_BYTES_MAX: u64 = 8 << 20;
/// Steps of work that one decision may take beyond what its elements carry: attributes that a merge moves, items of an
/// array that is opened. A step takes 50 to 200 ns, so all of them about half a second; beyond it the decision is too
/// large. What people send stays below a hundredth of it.
pub const STEPS_MAX: u64 = 4_000_000;
/// Most devices of one live profile; a merge may pass it, then no new device is taken (behaviour.md 2).
pub const DEVICES_MAX: u32 = 1_000;
/// Most members of one live profile: bounds what a merge, a revert and a look at a profile cost (behaviour.md 3.1).
pub const MEMBERS_MAX: u32 = 1_000;
/// Most values of `customer_id` in one own record: what an id was changed to stays beside it (behaviour.md 3.2.i), and each is
/// read and written with the record.
pub const CUSTOMER_IDS_MAX: usize = 100;
/// Most actions in one event element (behaviour.md 1.6).
pub const ACTIONS_MAX: usize = 10_000;
/// Longest `event_id`, in bytes (behaviour.md 1.4).
pub const EVENT_ID_BYTES_MAX: usize = 128;
/// Former identifiers kept by one own record, oldest dropped first (behaviour.md 3.2).
pub const FORMER_IDENTIFIERS_MAX: usize = 100;
/// Most identifier kinds of a workspace (behaviour.md 3, FACTS 4).
pub const KINDS_MAX: usize = 5;
/// Most attribute rules of a workspace (behaviour.md 3.1, FACTS 3.4).
pub const ATTRIBUTE_RULES_MAX: usize = 5;
/// Most faults told of one request (behaviour.md 1.2).
pub const FAULTS_MAX: usize = 1_000;
/// Most warnings told of one request (behaviour.md 1.3).
pub const WARNINGS_MAX: usize = 100;
/// Deepest nesting of containers in a body (behaviour.md 1.6).
pub const NESTING_MAX: usize = 32;
/// How long an idempotency key is remembered, in milliseconds (behaviour.md 1.4).
pub const IDEMPOTENCY_MS: i64 = 24 * 3_600_000;
/// For how long a deleted quarantine entry can be restored, in milliseconds: long enough to see that it was the wrong one.
pub const RESTORE_MS: i64 = 60_000;
/// Longest idempotency key, in bytes (behaviour.md 1.4).
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Rounds of needs and facts before a decision counts as a bug (architecture, "The seam"). A decision's needs are
/// closed under: keys, their profiles, those profiles' roots, the roots' trees; four rounds do. While kinds become active
/// it is also who holds their values and what stands between those and others: eleven were seen, sixteen leave room.
pub const ROUNDS_MAX: usize = 16;
/// The round from which on every element asks for all that it may need; nearly all requests are done before.
pub const EAGER_ROUND: usize = 5;
/// Open reviews of one profile that are then asked for without knowing whether they will be needed.
pub const EAGER_REVIEWS_MAX: usize = 100;
/// Events that one batch of a sweep takes: a few milliseconds of a lane.
pub const SWEEP_EVENTS_MAX: usize = 1_000;
/// Rows of history that one own record keeps, one an element that wrote something over; the oldest goes first.
pub const HISTORY_MAX: usize = 100;
/// Longest value that history keeps, in bytes of its JSON: a record of history stays below half a megabyte a name.
pub const HISTORY_VALUE_BYTES_MAX: usize = 4 << 10;
/// Holders of one value that one look at it takes, the first by number; the others wait for the next. Judging each against
/// those before it, and the reviews between them, are some hundredths of a second of a lane.
pub const HOLDERS_MAX: usize = 128;
/// Rows of the index of holders that one batch clears away.
pub const NOTED_MAX: usize = 2_000;
/// Own records that one batch of an activation takes: a few milliseconds of a lane.
pub const ACTIVATION_BATCH: usize = 200;
/// Most reviews of two profiles that are listed for one of them. A request that touches a profile with more asks by the
/// pair, so that a small request does not read them all.
pub const REVIEWS_LISTED_MAX: usize = 256;
/// Most reviews of a workspace, decided ones with them (behaviour.md 3.3).
pub const REVIEWS_MAX: u64 = 100_000;
/// Longest element that a review keeps a copy of, in bytes: keeps a full list below 1.6 GB. Longer records are found by
/// their request.
pub const REVIEW_RECORD_BYTES_MAX: usize = 16 << 10;
/// Rows that one batch of an expiry removes: a few milliseconds of a lane.
pub const EXPIRE_ROWS_MAX: usize = 1_000;
/// Bytes of rows that one batch of an expiry removes, about: erased pages are overwritten, so they are written to the log.
pub const EXPIRE_BYTES_MAX: u64 = 4 << 20;
/// Longest name or pointer in a warning or fault, in bytes: beyond it its beginning and an ellipsis. A hundred times the
/// name of a deep attribute would else make a small body a huge log entry.
pub const EXCERPT_BYTES_MAX: usize = 256;
/// Bytes of faults and warnings that one log entry lists, about; those beyond it are counted alone.
pub const LOG_BYTES_MAX: usize = 1 << 20;
/// Seconds of a rate window: the running second plus the sixty before it (behaviour.md 1.7).
pub const RATE_SECONDS: usize = 61;

/// Longest name that the hosted service keeps, in characters (FACTS 4); beyond it a warning.
pub const PARITY_NAME_CHARS: usize = 200;
/// Longest text value that the hosted service keeps, in characters (FACTS 4); beyond it a warning.
pub const PARITY_VALUE_CHARS: usize = 512;
/// Most elements of an array of scalars in the hosted service (FACTS 4); beyond it a warning.
pub const PARITY_ARRAY_LEN: usize = 50;
/// Most elements of an array of objects in the hosted service (FACTS 4); beyond it a warning.
pub const PARITY_OBJECTS_LEN: usize = 100;
/// Most attributes of an event in the hosted service (FACTS 4); beyond it a warning.
pub const PARITY_EVENT_ATTRIBUTES: usize = 100;
/// Most members of an object in the hosted service (FACTS 4); beyond it a warning.
pub const PARITY_OBJECT_ATTRIBUTES: usize = 100;
/// Largest object that the hosted service keeps, in bytes of its JSON (FACTS 4: 25 KB); beyond it a warning.
pub const PARITY_OBJECT_BYTES: usize = 25 << 10;
/// Levels of an object that keep their types in the hosted service (FACTS 4); deeper objects are text there.
pub const PARITY_OBJECT_LEVELS: usize = 2;
