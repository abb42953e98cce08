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
    deleted_at INTEGER,
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

CREATE TABLE former (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    profile INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (kind, value, profile)
) STRICT, WITHOUT ROWID;

CREATE TABLE chunks (
    part_of INTEGER NOT NULL,
    profile INTEGER NOT NULL,
    first TEXT NOT NULL,
    attributes BLOB NOT NULL,
    record BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (part_of, profile, first)
) STRICT, WITHOUT ROWID;

CREATE INDEX standings_members ON standings (root) WHERE root <> no;

CREATE INDEX standings_deletion ON standings (deletion) WHERE deletion IS NOT NULL;

CREATE INDEX events_timeline ON events (profile, time);

CREATE INDEX devices_push_id ON devices (push_id) WHERE push_id_is_word = 0;

CREATE INDEX devices_gaid ON devices (gaid) WHERE gaid IS NOT NULL;

CREATE INDEX devices_idfv ON devices (idfv) WHERE idfv IS NOT NULL;

CREATE INDEX separations_a ON separations (a);

CREATE INDEX separations_b ON separations (b);

CREATE INDEX reviews_between ON reviews (a, b, state) WHERE state <> 2 AND b IS NOT NULL;

CREATE INDEX reviews_second ON reviews (b, a, state) WHERE state <> 2 AND b IS NOT NULL;

CREATE INDEX reviews_of_value ON reviews (kind, value, a, b, state) WHERE state <> 2 AND b IS NULL;

CREATE INDEX reviews_a ON reviews (a);

CREATE INDEX reviews_b ON reviews (b);

CREATE INDEX reviews_state ON reviews (state, no);

CREATE INDEX reviews_order ON reviews ((state = 1), no);

CREATE INDEX requests_received ON requests (received_at);

CREATE INDEX refused_received ON refused (received_at);

CREATE INDEX quarantine_at ON quarantine (at);

CREATE INDEX quarantine_deleted ON quarantine (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX event_ids_at ON event_ids (at);

CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE family_sums (
    family TEXT NOT NULL PRIMARY KEY,
    row_count INTEGER NOT NULL,
    row_sum INTEGER NOT NULL,
    sum_check INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE engine (
    id INTEGER PRIMARY KEY,
    group_no INTEGER NOT NULL,
    quarantine_bytes INTEGER NOT NULL,
    quarantine_dropped INTEGER NOT NULL,
    refused_bytes INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE own_entry (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    workspace TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    settings TEXT NOT NULL,
    version INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE TABLE own_keys (
    place INTEGER NOT NULL PRIMARY KEY,
    sha256 BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    valid_until INTEGER,
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

