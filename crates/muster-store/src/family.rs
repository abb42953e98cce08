//! The record families of a workspace as tables: names, columns and keys, one list for every relational engine. How a
//! row becomes cells is in `codec`; statements belong to the engines.

/// A record family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// The id that an identifier is bound to.
    Bindings = 1,
    /// Member records.
    Profiles = 2,
    /// Root pointers with totals.
    Standings = 3,
    /// Current values of live profiles with members.
    Views = 4,
    /// Merge links.
    Links = 5,
    /// Devices.
    Devices = 6,
    /// Events.
    Events = 7,
    /// Known event ids.
    EventIds = 8,
    /// Merge records; `merges` is the view over them.
    Merges = 9,
    /// Separations.
    Separations = 10,
    /// The ingestion log of applied requests.
    Requests = 11,
    /// The ingestion log of refused requests.
    Refused = 12,
    /// Rejected elements.
    Quarantine = 13,
    /// Recorded answers.
    Idempotency = 14,
    /// Messages to the upstream.
    Outbox = 15,
    /// The change sequence without the events.
    Changes = 16,
    /// The row of counters.
    Counters = 17,
    /// Identifiers that the guards withheld, for a decision.
    Reviews = 18,
    /// Values that were replaced.
    History = 19,
    /// Pending holders of values of activating kinds.
    Holders = 20,
    /// Former holders of identifiers.
    Former = 21,
    /// Attributes of large member records and views in rows of some kilobytes: a small write changes one of them.
    Chunks = 22,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// A whole number of 64 bits.
    Int,
    /// Text.
    Text,
    /// Bytes, such as a record of `codec`.
    Blob,
    /// An object that people can query. Each engine has its own form of JSON, which it makes of the values in the cell; a row
    /// whose attributes are in `chunks` has no object.
    Json,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub column_type: ColumnType,
    /// Whether it may be NULL.
    pub null: bool,
}

const fn int(name: &'static str) -> Column {
    Column { name, column_type: ColumnType::Int, null: false }
}

const fn text(name: &'static str) -> Column {
    Column { name, column_type: ColumnType::Text, null: false }
}

const fn blob(name: &'static str) -> Column {
    Column { name, column_type: ColumnType::Blob, null: false }
}

const fn json(name: &'static str) -> Column {
    Column { name, column_type: ColumnType::Json, null: false }
}

const fn or_null(column: Column) -> Column {
    Column { null: true, ..column }
}

const BINDINGS: [Column; 3] = [text("kind"), text("value"), int("profile")];
const PROFILES: [Column; 4] = [int("no"), int("created"), json("attributes"), blob("record")];
const CHUNKS: [Column; 5] = [int("part_of"), int("profile"), text("first"), json("attributes"), blob("record")];

const STANDINGS: [Column; 14] = [
    int("no"),
    int("created"),
    int("root"),
    int("first_seen"),
    int("last_seen"),
    int("events"),
    int("devices"),
    int("tree_first_seen"),
    int("tree_last_seen"),
    int("tree_events"),
    int("tree_devices"),
    int("tree_members"),
    int("weight"),
    or_null(int("deletion")),
];
const VIEWS: [Column; 3] = [int("profile"), json("attributes"), blob("record")];
const LINKS: [Column; 6] = [int("child"), int("parent"), int("merge"), int("seq"), blob("rules"), int("same_email")];
const DEVICES: [Column; 14] = [
    int("profile"),
    text("device_id"),
    int("seq"),
    int("updated_at"),
    int("platform"),
    text("push_id"),
    or_null(text("model")),
    or_null(text("app_version")),
    or_null(text("os_version")),
    or_null(int("push_opted")),
    or_null(int("push_provisional_opted")),
    or_null(text("gaid")),
    or_null(text("idfv")),
    int("push_id_is_word"),
];
const EVENTS: [Column; 13] = [
    int("seq"),
    int("profile"),
    int("time"),
    int("user_time"),
    int("received_at"),
    int("request"),
    or_null(text("origin")),
    or_null(text("device_id")),
    text("name"),
    json("attributes"),
    or_null(int("platform")),
    or_null(text("app_version")),
    blob("record"),
];
const EVENT_IDS: [Column; 5] = [text("id"), int("at"), int("seq"), int("profile"), text("name")];
const MERGES: [Column; 11] = [
    int("no"),
    int("at"),
    int("survivor_created"),
    int("survivor"),
    int("merged_created"),
    int("merged"),
    or_null(int("request")),
    or_null(int("element")),
    int("cause"),
    blob("record"),
    or_null(int("reverted_at")),
];
const SEPARATIONS: [Column; 8] =
    [int("no"), int("at"), int("a_created"), int("a"), int("b_created"), int("b"), int("cause"), or_null(int("merge"))];
const REQUESTS: [Column; 9] = [
    int("no"),
    int("received_at"),
    int("status"),
    int("route"),
    or_null(text("origin")),
    int("bytes"),
    int("duration_us"),
    int("outcomes"),
    blob("record"),
];
const QUARANTINE: [Column; 9] = [
    int("no"),
    int("at"),
    int("request"),
    int("element_index"),
    int("kind"),
    blob("errors"),
    blob("element"),
    or_null(int("replayed_as")),
    or_null(int("deleted_at")),
];
const IDEMPOTENCY: [Column; 7] =
    [int("route"), text("key"), blob("body_hash"), int("at"), int("status"), text("outcomes"), blob("body")];
const OUTBOX: [Column; 2] = [int("request"), blob("body")];
const CHANGES: [Column; 6] =
    [int("seq"), int("kind"), int("profile"), int("merge"), int("at"), or_null(int("request"))];
const REVIEWS: [Column; 17] = [
    int("no"),
    int("at"),
    int("last_at"),
    int("repeats"),
    text("kind"),
    text("value"),
    int("a_created"),
    int("a"),
    or_null(int("b_created")),
    or_null(int("b")),
    int("reason"),
    or_null(int("request")),
    or_null(int("element_index")),
    or_null(blob("element")),
    blob("because"),
    int("state"),
    or_null(int("closed_at")),
];
const HISTORY: [Column; 4] = [int("seq"), int("profile"), json("old_values"), blob("record")];
const HOLDERS: [Column; 3] = [text("kind"), text("value"), int("profile")];
const COUNTERS: [Column; 21] = [
    int("id"),
    int("seq"),
    int("profile"),
    int("request"),
    int("merge"),
    int("separation"),
    int("quarantine"),
    int("users"),
    int("events"),
    int("events_accepted"),
    int("events_removed"),
    int("devices"),
    int("requests_applied"),
    int("quarantined"),
    int("review"),
    int("reviews_stored"),
    int("reviews_open"),
    int("reviews_dropped"),
    int("activation"),
    int("activation_done"),
    int("now"),
];

impl Family {
    /// Every family, in order of its number.
    pub const ALL: [Self; 22] = [
        Self::Bindings,
        Self::Profiles,
        Self::Standings,
        Self::Views,
        Self::Links,
        Self::Devices,
        Self::Events,
        Self::EventIds,
        Self::Merges,
        Self::Separations,
        Self::Requests,
        Self::Refused,
        Self::Quarantine,
        Self::Idempotency,
        Self::Outbox,
        Self::Changes,
        Self::Counters,
        Self::Reviews,
        Self::History,
        Self::Holders,
        Self::Former,
        Self::Chunks,
    ];

    /// Returns the index in [`Family::ALL`].
    pub fn place(self) -> usize {
        self as usize - 1
    }

    /// Returns the name of the table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Bindings => "bindings",
            Self::Profiles => "profiles",
            Self::Standings => "standings",
            Self::Views => "views",
            Self::Links => "links",
            Self::Devices => "devices",
            Self::Events => "events",
            Self::EventIds => "event_ids",
            Self::Merges => "merge_records",
            Self::Separations => "separations",
            Self::Requests => "requests",
            Self::Refused => "refused",
            Self::Quarantine => "quarantine",
            Self::Idempotency => "idempotency",
            Self::Outbox => "outbox",
            Self::Changes => "changes",
            Self::Counters => "counters",
            Self::Reviews => "reviews",
            Self::History => "history",
            Self::Holders => "holders",
            Self::Former => "former",
            Self::Chunks => "chunks",
        }
    }

    /// Returns the columns, those of the key first. Every table has one more column, `sum`, at the end.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Bindings => &BINDINGS,
            Self::Profiles => &PROFILES,
            Self::Standings => &STANDINGS,
            Self::Views => &VIEWS,
            Self::Links => &LINKS,
            Self::Devices => &DEVICES,
            Self::Events => &EVENTS,
            Self::EventIds => &EVENT_IDS,
            Self::Merges => &MERGES,
            Self::Separations => &SEPARATIONS,
            Self::Requests | Self::Refused => &REQUESTS,
            Self::Quarantine => &QUARANTINE,
            Self::Idempotency => &IDEMPOTENCY,
            Self::Outbox => &OUTBOX,
            Self::Changes => &CHANGES,
            Self::Counters => &COUNTERS,
            Self::Reviews => &REVIEWS,
            Self::History => &HISTORY,
            Self::Holders | Self::Former => &HOLDERS,
            Self::Chunks => &CHUNKS,
        }
    }

    /// Whether the rows of the family are bounded by their bytes, oldest dropped first.
    pub(crate) fn is_bounded(self) -> bool {
        matches!(self, Self::Quarantine | Self::Refused | Self::Idempotency)
    }

    /// Returns the number of leading columns that form the key.
    pub fn key_columns(self) -> usize {
        match self {
            Self::Bindings | Self::Devices | Self::Idempotency | Self::History => 2,
            Self::Holders | Self::Former | Self::Chunks => 3,
            _ => 1,
        }
    }
}

/// Number of rows of a family and the wrapping sum of their hashes, written in the commit that changes them: a row that
/// is lost or invented is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FamilySum {
    /// Number of rows.
    pub rows: i64,
    /// Wrapping sum of their hashes.
    pub sum: i64,
}

/// The sums of all families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FamilySums(pub [FamilySum; Family::ALL.len()]);

impl FamilySums {
    /// Replaces one row by another in the sum; None = no row.
    pub fn replace(&mut self, family: Family, old: Option<i64>, new: Option<i64>) {
        let of = &mut self.0[family.place()];
        if let Some(old) = old {
            *of = FamilySum { rows: of.rows - 1, sum: of.sum.wrapping_sub(old) };
        }
        if let Some(new) = new {
            *of = FamilySum { rows: of.rows + 1, sum: of.sum.wrapping_add(new) };
        }
    }

    /// Returns the sum of one family.
    pub fn get(&self, family: Family) -> FamilySum {
        self.0[family.place()]
    }
}
