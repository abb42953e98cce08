-- What a workspace's file has beside the tables of the record families (`family.rs`, `ddl.rs`): indexes, the engine's own
-- tables, and views. Times are milliseconds since 1970. Tables are private; the views are the contract with people's SQL.
-- Stored codes are literals here, because SQLite uses a partial index only for a query that repeats its literals.

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
-- Deleted entries, which are removed by the time of their deletion: few rows, those of the last minute.
CREATE INDEX quarantine_deleted ON quarantine (deleted_at) WHERE deleted_at IS NOT NULL;
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

-- The file's own copy of its entry in the catalogue: a catalogue that is lost or older is noticed, and the entry can be
-- restored.
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
