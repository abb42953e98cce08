-- Tables of a workspace, version 1. A table for each record family (`family.rs`), its columns in the order of the record,
-- `sum` the checksum over the row. Times are milliseconds since 1970. Tables are private; the views at the end are the
-- contract with people's SQL. A migration that was released never changes: the next one has the next number.

CREATE TABLE bindings (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    profile INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE profiles (
    no INTEGER PRIMARY KEY,
    created INTEGER NOT NULL,
    attributes BLOB NOT NULL,
    record BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE standings (
    no INTEGER PRIMARY KEY,
    created INTEGER NOT NULL,
    root INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    events INTEGER NOT NULL,
    devices INTEGER NOT NULL,
    tree_first_seen INTEGER NOT NULL,
    tree_last_seen INTEGER NOT NULL,
    tree_events INTEGER NOT NULL,
    tree_devices INTEGER NOT NULL,
    tree_members INTEGER NOT NULL,
    weight INTEGER NOT NULL,
    deletion INTEGER,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE views (
    profile INTEGER PRIMARY KEY,
    attributes BLOB NOT NULL,
    record BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- The attributes of what has none in its own row, since they are large: some kilobytes each, by first name. `part_of`:
-- 1 = an own record, 2 = a view.
CREATE TABLE chunks (
    part_of INTEGER NOT NULL,
    profile INTEGER NOT NULL,
    first TEXT NOT NULL,
    attributes BLOB NOT NULL,
    record BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (part_of, profile, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
    child INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL,
    merge INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    rules BLOB NOT NULL,
    same_email INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE devices (
    profile INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    platform INTEGER NOT NULL,
    push_id TEXT NOT NULL,
    model TEXT,
    app_version TEXT,
    os_version TEXT,
    push_opted INTEGER,
    push_provisional_opted INTEGER,
    gaid TEXT,
    idfv TEXT,
    push_id_is_word INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (profile, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    profile INTEGER NOT NULL,
    time INTEGER NOT NULL,
    user_time INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    request INTEGER NOT NULL,
    origin TEXT,
    device_id TEXT,
    name TEXT NOT NULL,
    attributes BLOB NOT NULL,
    platform INTEGER,
    app_version TEXT,
    record BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE event_ids (
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    profile INTEGER NOT NULL,
    name TEXT NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE merge_records (
    no INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    survivor_created INTEGER NOT NULL,
    survivor INTEGER NOT NULL,
    merged_created INTEGER NOT NULL,
    merged INTEGER NOT NULL,
    request INTEGER,
    element INTEGER,
    cause INTEGER NOT NULL,
    record BLOB NOT NULL,
    reverted_at INTEGER,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE separations (
    no INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    a_created INTEGER NOT NULL,
    a INTEGER NOT NULL,
    b_created INTEGER NOT NULL,
    b INTEGER NOT NULL,
    cause INTEGER NOT NULL,
    merge INTEGER,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE requests (
    no INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    route INTEGER NOT NULL,
    origin TEXT,
    bytes INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    outcomes INTEGER NOT NULL,
    record BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE refused (
    no INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    route INTEGER NOT NULL,
    origin TEXT,
    bytes INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    outcomes INTEGER NOT NULL,
    record BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE quarantine (
    no INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    request INTEGER NOT NULL,
    element_index INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    errors BLOB NOT NULL,
    element BLOB NOT NULL,
    replayed_as INTEGER,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency (
    route INTEGER NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    outcomes TEXT NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (route, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    request INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    profile INTEGER NOT NULL,
    merge INTEGER NOT NULL,
    at INTEGER NOT NULL,
    request INTEGER,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE reviews (
    no INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    repeats INTEGER NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    a_created INTEGER NOT NULL,
    a INTEGER NOT NULL,
    b_created INTEGER,
    b INTEGER,
    reason INTEGER NOT NULL,
    request INTEGER,
    element_index INTEGER,
    element BLOB,
    because BLOB NOT NULL,
    state INTEGER NOT NULL,
    closed_at INTEGER,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE history (
    seq INTEGER NOT NULL,
    profile INTEGER NOT NULL,
    old_values BLOB NOT NULL,
    record BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (seq, profile)
) STRICT, WITHOUT ROWID;

CREATE TABLE holders (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    profile INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (kind, value, profile)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
    id INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    profile INTEGER NOT NULL,
    request INTEGER NOT NULL,
    merge INTEGER NOT NULL,
    separation INTEGER NOT NULL,
    quarantine INTEGER NOT NULL,
    users INTEGER NOT NULL,
    events INTEGER NOT NULL,
    events_accepted INTEGER NOT NULL,
    events_removed INTEGER NOT NULL,
    devices INTEGER NOT NULL,
    requests_applied INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    review INTEGER NOT NULL,
    reviews_stored INTEGER NOT NULL,
    reviews_open INTEGER NOT NULL,
    reviews_dropped INTEGER NOT NULL,
    activation INTEGER NOT NULL,
    activation_done INTEGER NOT NULL,
    now INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

-- The members of a root: few rows, since most profiles are their own root.
CREATE INDEX standings_members ON standings (root) WHERE root <> no;
-- Live profiles whose deletion was asked for.
CREATE INDEX standings_deletion ON standings (deletion) WHERE deletion IS NOT NULL;
-- The one path of a timeline; the key of the table follows by itself.
CREATE INDEX events_timeline ON events (profile, time);
-- What two devices of a workspace never share.
CREATE INDEX devices_push_id ON devices (push_id) WHERE push_id_is_word = 0;
CREATE INDEX devices_gaid ON devices (gaid) WHERE gaid IS NOT NULL;
CREATE INDEX devices_idfv ON devices (idfv) WHERE idfv IS NOT NULL;
CREATE INDEX separations_a ON separations (a);
CREATE INDEX separations_b ON separations (b);
-- The open review of a pair, or of a profile and a value; lists by state; and which go first when there are too many.
CREATE INDEX reviews_between ON reviews (a, b, state) WHERE state <> 2 AND b IS NOT NULL;
CREATE INDEX reviews_second ON reviews (b, a, state) WHERE state <> 2 AND b IS NOT NULL;
CREATE INDEX reviews_of_value ON reviews (kind, value, a, b, state) WHERE state <> 2 AND b IS NULL;
CREATE INDEX reviews_a ON reviews (a);
CREATE INDEX reviews_b ON reviews (b);
CREATE INDEX reviews_state ON reviews (state, no);
CREATE INDEX reviews_order ON reviews ((state = 1), no);
CREATE INDEX requests_received ON requests (received_at);
CREATE INDEX refused_received ON refused (received_at);
-- What is past its time is looked for by these; events by their sequence, which receipts follow.
CREATE INDEX quarantine_at ON quarantine (at);
CREATE INDEX event_ids_at ON event_ids (at);
CREATE INDEX idempotency_at ON idempotency (at);

-- Rows of each family and the wrapping sum of their checksums; `sum_check` is the checksum over this row.
CREATE TABLE family_sums (
    family TEXT NOT NULL PRIMARY KEY,
    row_count INTEGER NOT NULL,
    row_sum INTEGER NOT NULL,
    sum_check INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The engine's own figures: the number of the last group, and what bounds the quarantine and the log of refused requests.
CREATE TABLE engine (
    id INTEGER PRIMARY KEY,
    group_no INTEGER NOT NULL,
    quarantine_bytes INTEGER NOT NULL,
    quarantine_dropped INTEGER NOT NULL,
    refused_bytes INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE VIEW live_profiles AS
SELECT printf('%012x%012x', p.created, p.no) AS id,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.created / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.tree_first_seen / 1000.0, 'unixepoch') AS first_seen,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.tree_last_seen / 1000.0, 'unixepoch') AS last_seen,
       s.tree_events AS events,
       s.tree_devices AS devices,
       s.tree_members AS members,
       CASE WHEN length(coalesce(v.attributes, p.attributes)) > 0 THEN coalesce(v.attributes, p.attributes)
            ELSE (SELECT jsonb_group_object(a.key, CASE WHEN a.type IN ('object', 'array') THEN jsonb(a.value)
                                                        WHEN a.type IN ('true', 'false') THEN jsonb(a.type)
                                                        ELSE a.value END)
                    FROM chunks AS c, json_each(c.attributes) AS a
                   WHERE c.part_of = CASE WHEN v.profile IS NULL THEN 1 ELSE 2 END AND c.profile = s.no)
       END AS attributes
  FROM standings AS s
  JOIN profiles AS p ON p.no = s.no
  LEFT JOIN views AS v ON v.profile = s.no
 WHERE s.root = s.no;

CREATE VIEW live_events AS
SELECT e.seq AS seq,
       printf('%012x%012x', root.created, root.no) AS profile_id,
       printf('%012x%012x', own.created, own.no) AS recorded_under,
       e.name AS name,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.time / 1000.0, 'unixepoch') AS time,
       e.time AS time_ms,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.received_at / 1000.0, 'unixepoch') AS received_at,
       CASE e.platform WHEN 1 THEN 'ANDROID' WHEN 2 THEN 'iOS' WHEN 3 THEN 'web' WHEN 4 THEN 'TV' WHEN 5 THEN 'unknown' END
           AS platform,
       e.app_version AS app_version,
       e.device_id AS device_id,
       e.origin AS origin,
       e.attributes AS attributes
  FROM events AS e
  JOIN standings AS s ON s.no = e.profile
  JOIN profiles AS own ON own.no = e.profile
  JOIN profiles AS root ON root.no = s.root;

CREATE VIEW merges AS
SELECT 'm' || m.no AS id,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.at / 1000.0, 'unixepoch') AS merged_at,
       printf('%012x%012x', m.survivor_created, m.survivor) AS survivor_id,
       printf('%012x%012x', m.merged_created, m.merged) AS merged_id,
       CASE m.cause WHEN 1 THEN 'keys' WHEN 2 THEN 'activation' WHEN 3 THEN 'api' WHEN 4 THEN 'review' END AS cause,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.reverted_at / 1000.0, 'unixepoch') AS reverted_at
  FROM merge_records AS m;
