//! Every bound of the rules, each with its reason.

/// Longest value of an identifier, a `device_id`, a push or an advertising id, in bytes (behaviour.md 2).
pub const IDENTIFIER_BYTES_MAX: usize = 512;
/// Longest name of an attribute, an event or an event attribute, in bytes (behaviour.md 2).
pub const NAME_BYTES_MAX: usize = 800;
/// Largest member record, in bytes of the names and JSON values of its attributes (behaviour.md 2).
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Most attributes in one member record (behaviour.md 2).
pub const RECORD_ATTRIBUTES_MAX: usize = 2_000;
/// Bytes that a live profile counts for each attribute beside name and value: its overhead in memory and on disk.
pub const ATTRIBUTE_OVERHEAD_BYTES: usize = 64;
/// Default bound on a live profile ([`crate::record::Size::weight`]): eight records of the largest size.
pub const PROFILE_BYTES_DEFAULT: u64 = 8 << 20;
/// Largest bound on a live profile that a workspace may set.
pub const PROFILE_BYTES_MAX: u64 = 64 << 20;
/// Smallest such bound: one member record of the largest size fits.
pub const PROFILE_BYTES_MIN: u64 = 2 << 20;
/// Most bytes of facts in one decision, given the bound on a live profile: two profiles of that size, half as much
/// again for everything else, and a constant for workspaces with a small bound.
pub const fn facts_bytes(profile_bytes: u64) -> u64 {
    2 * profile_bytes + profile_bytes / 2 + (12 << 20)
}
/// Approximate bytes of a listed identifier in addition to its value.
pub const IDENTIFIER_OVERHEAD_BYTES: usize = 64;
/// Most bytes that the merge records of one decision may list: names of filled attributes, merged identifiers.
pub const MERGED_BYTES_MAX: usize = 8 << 20;
/// Approximate bytes of records in a batch of an activation, and of profiles in a lookup; at least one is read.
pub const SCAN_BYTES_MAX: u64 = 8 << 20;
/// Most steps of work in one decision beyond what its elements carry: attributes that a merge moves, items of an array
/// that is opened. A step takes 50 to 200 ns, so all steps take about half a second. Real requests stay below a
/// hundredth of this.
pub const STEPS_MAX: u64 = 4_000_000;
/// Most devices of one live profile. A merge may exceed it; then no new device is accepted (behaviour.md 2).
pub const DEVICES_MAX: u32 = 1_000;
/// Most members of one live profile: bounds the cost of a merge, a revert and a read (behaviour.md 3.1).
pub const MEMBERS_MAX: u32 = 1_000;
/// Most values of `customer_id` in one member record, which keeps earlier ones (behaviour.md 3.2.i).
pub const CUSTOMER_IDS_MAX: usize = 100;
/// Most actions in one event element (behaviour.md 1.6).
pub const ACTIONS_MAX: usize = 10_000;
/// Longest `event_id`, in bytes (behaviour.md 1.4).
pub const EVENT_ID_BYTES_MAX: usize = 128;
/// Most former identifiers in one member record; the oldest is removed first (behaviour.md 3.2).
pub const FORMER_IDENTIFIERS_MAX: usize = 100;
/// Most identifier kinds of a workspace (behaviour.md 3, FACTS 4).
pub const KINDS_MAX: usize = 5;
/// Most attribute rules of a workspace (behaviour.md 3.1, FACTS 3.4).
pub const ATTRIBUTE_RULES_MAX: usize = 5;
/// Most faults reported for one request (behaviour.md 1.2).
pub const FAULTS_MAX: usize = 1_000;
/// Most warnings reported for one request (behaviour.md 1.3).
pub const WARNINGS_MAX: usize = 100;
/// Deepest nesting of containers in a body (behaviour.md 1.6).
pub const NESTING_MAX: usize = 32;
/// How long an idempotency key is remembered, in milliseconds (behaviour.md 1.4).
pub const IDEMPOTENCY_MS: i64 = 24 * 3_600_000;
/// How long a deleted quarantine entry can be restored, in milliseconds: long enough to notice a mistake.
pub const RESTORE_MS: i64 = 60_000;
/// Longest idempotency key, in bytes (behaviour.md 1.4).
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Most rounds of loading facts before a decision counts as a bug. Identifiers need their ids, those their roots, those
/// their trees: four rounds. During an activation, holders of values and reviews between them are needed too: eleven
/// rounds were observed.
pub const ROUNDS_MAX: usize = 16;
/// Round from which every element asks for everything that it may need. Nearly all requests finish earlier.
pub const EAGER_ROUND: usize = 5;
/// Most open reviews of one profile that are then loaded without knowing whether they are needed.
pub const EAGER_REVIEWS_MAX: usize = 100;
/// Events that one batch of a sweep deletes: a few milliseconds of a queue.
pub const SWEEP_EVENTS_MAX: usize = 1_000;
/// Rows of history in one member record, one for each element that replaced a value; the oldest is removed first.
pub const HISTORY_MAX: usize = 100;
/// Longest value that history keeps, in bytes of its JSON: bounds a record's history to half a megabyte for each name.
pub const HISTORY_VALUE_BYTES_MAX: usize = 4 << 10;
/// Most holders of a value in one lookup, by number: checking them takes some hundredths of a second.
pub const HOLDERS_MAX: usize = 128;
/// Rows of pending holders that one batch deletes.
pub const NOTED_MAX: usize = 2_000;
/// Member records that one batch of an activation reads: a few milliseconds of a queue.
pub const ACTIVATION_BATCH: usize = 200;
/// Most reviews that are listed for one profile; beyond it they are asked for by pair.
pub const REVIEWS_LISTED_MAX: usize = 256;
/// Most reviews of a workspace, including decided ones (behaviour.md 3.3).
pub const REVIEWS_MAX: u64 = 100_000;
/// Longest element that a review copies, in bytes: a full list stays below 1.6 GB. The request has longer ones.
pub const REVIEW_RECORD_BYTES_MAX: usize = 16 << 10;
/// Rows that one batch of an expiry deletes: a few milliseconds of a queue.
pub const EXPIRE_ROWS_MAX: usize = 1_000;
/// Approximate bytes of rows that one batch of an expiry deletes: erased pages are written to the log.
pub const EXPIRE_BYTES_MAX: u64 = 4 << 20;
/// Longest name or pointer in a warning or fault, in bytes: a small body cannot cause a huge log entry.
pub const EXCERPT_BYTES_MAX: usize = 256;
/// Approximate bytes of faults and warnings that one log entry lists; further ones are only counted.
pub const LOG_BYTES_MAX: usize = 1 << 20;
/// Seconds of a rate window: the running second plus the sixty before it (behaviour.md 1.7).
pub const RATE_SECONDS: usize = 61;

/// Longest name that the hosted service keeps, in characters (FACTS 4); beyond it a warning.
pub const PARITY_NAME_CHARS: usize = 200;
/// Longest string value that the hosted service keeps, in characters (FACTS 4); beyond it a warning.
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
/// Levels of an object that keep their types in the hosted service (FACTS 4); deeper objects become strings.
pub const PARITY_OBJECT_LEVELS: usize = 2;
