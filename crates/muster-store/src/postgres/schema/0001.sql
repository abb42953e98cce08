-- What the database has beside the tables of the record families (`family.rs`, `ddl.rs`), which are made first: indexes,
-- the catalogue, and what a group writes once. Times are milliseconds since 1970; `sum` is the checksum over a row. Every
-- key begins with the workspace, and nothing here is needed that a database spread by workspace lacks.

-- The members of a root: few rows, since most profiles are their own root.
CREATE INDEX standings_members ON standings (workspace_id, root, no) WHERE root <> no;
-- Live profiles whose deletion was asked for.
CREATE INDEX standings_deletion ON standings (workspace_id, deletion, no) WHERE deletion IS NOT NULL;
-- The one path of a timeline.
CREATE INDEX events_timeline ON events (workspace_id, profile, time, seq);
-- What two devices of a workspace never share.
CREATE INDEX devices_push_id ON devices (workspace_id, push_id) WHERE push_id_is_word = 0;
CREATE INDEX devices_gaid ON devices (workspace_id, gaid) WHERE gaid IS NOT NULL;
CREATE INDEX devices_idfv ON devices (workspace_id, idfv) WHERE idfv IS NOT NULL;
CREATE INDEX separations_a ON separations (workspace_id, a);
CREATE INDEX separations_b ON separations (workspace_id, b);
-- The open review of a pair, or of a profile and a value; lists by state; and which go first when there are too many.
CREATE INDEX reviews_between ON reviews (workspace_id, a, b) WHERE state <> 2 AND b IS NOT NULL;
CREATE INDEX reviews_second ON reviews (workspace_id, b, a) WHERE state <> 2 AND b IS NOT NULL;
CREATE INDEX reviews_of_value ON reviews (workspace_id, kind, value, a) WHERE state <> 2 AND b IS NULL;
CREATE INDEX reviews_a ON reviews (workspace_id, a);
CREATE INDEX reviews_b ON reviews (workspace_id, b);
CREATE INDEX reviews_state ON reviews (workspace_id, state, no);
CREATE INDEX reviews_order ON reviews (workspace_id, (state = 1), no);
CREATE INDEX requests_received ON requests (workspace_id, received_at, no);
CREATE INDEX refused_received ON refused (workspace_id, received_at, no);
-- What is past its time is looked for by these; events by their sequence, which receipts follow.
CREATE INDEX quarantine_at ON quarantine (workspace_id, at, no);
CREATE INDEX quarantine_deleted ON quarantine (workspace_id, deleted_at, no) WHERE deleted_at IS NOT NULL;
CREATE INDEX event_ids_at ON event_ids (workspace_id, at, id);
CREATE INDEX idempotency_at ON idempotency (workspace_id, at, route, key);

-- One row for the installation. Who changes the catalogue locks it first.
CREATE TABLE installation (
    id bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    last_audit bigint NOT NULL
);
INSERT INTO installation VALUES (1, 0);

-- The workspaces. A group locks the row of its workspace and writes its state once: the counters in the order of the family
-- `counters` without its key; the figures of the engine; rows and sums of the families in the order of their numbers; the
-- rate window. The row is written again and again beside settings that stay, so its page keeps room for it.
CREATE TABLE workspaces (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    created_at bigint NOT NULL,
    revision bigint NOT NULL,
    settings text NOT NULL,
    entry_sum bigint NOT NULL,
    is_deleting boolean NOT NULL DEFAULT false,
    counters bigint[] NOT NULL,
    figures bigint[] NOT NULL,
    family_rows bigint[] NOT NULL,
    family_sums bigint[] NOT NULL,
    rate bytea NOT NULL,
    state_sum bigint NOT NULL
) WITH (fillfactor = 30);
-- No two ids differ in case alone.
CREATE UNIQUE INDEX workspaces_alike ON workspaces (lower(id));

-- The last groups of each workspace with the mark of the process that committed them: how a commit ended whose answer was
-- lost is read here.
CREATE TABLE commits (
    workspace_id text COLLATE "C" NOT NULL,
    group_no bigint NOT NULL,
    process bigint NOT NULL,
    mark bigint NOT NULL,
    PRIMARY KEY (workspace_id, group_no)
);

CREATE TABLE keys (
    workspace_id text COLLATE "C" NOT NULL,
    place bigint NOT NULL,
    sha256 bytea NOT NULL,
    scopes text NOT NULL,
    created_at bigint NOT NULL,
    valid_until bigint,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, place)
);

CREATE TABLE secrets (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    value bytea NOT NULL,
    sum bigint NOT NULL
);

-- Named tokens of the management API, as hashes.
CREATE TABLE tokens (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    sha256 bytea NOT NULL,
    scopes text NOT NULL,
    workspace text COLLATE "C",
    created_at bigint NOT NULL,
    expires_at bigint,
    allowed_addresses text NOT NULL,
    sum bigint NOT NULL
);

CREATE TABLE audit (
    no bigint NOT NULL PRIMARY KEY,
    at bigint NOT NULL,
    token text NOT NULL,
    address text,
    workspace text COLLATE "C",
    action text NOT NULL,
    class bigint NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    sum bigint NOT NULL
);
CREATE INDEX audit_by_workspace ON audit (workspace, no);
-- Each class of records has a bound of its own.
CREATE INDEX audit_by_class ON audit (class, no);

-- Sessions of the console, as hashes of their cookies and of their tokens.
CREATE TABLE sessions (
    cookie bytea NOT NULL PRIMARY KEY,
    token bytea NOT NULL,
    began bigint NOT NULL,
    seen bigint NOT NULL,
    sum bigint NOT NULL
);
CREATE INDEX sessions_seen ON sessions (seen, cookie);

-- The contract with people's SQL; tables are private. The attributes of a large profile are in rows of `chunks`.
CREATE VIEW live_profiles AS
SELECT s.workspace_id AS workspace_id,
       lpad(to_hex(p.created), 12, '0') || lpad(to_hex(p.no), 12, '0') AS id,
       to_timestamp(p.created / 1000.0) AS created_at,
       to_timestamp(s.tree_first_seen / 1000.0) AS first_seen,
       to_timestamp(s.tree_last_seen / 1000.0) AS last_seen,
       s.tree_events AS events,
       s.tree_devices AS devices,
       s.tree_members AS members,
       CASE WHEN coalesce(v.attributes, p.attributes) <> 'null'::jsonb THEN coalesce(v.attributes, p.attributes)
            ELSE (SELECT coalesce(jsonb_object_agg(a.key, a.value), '{}'::jsonb)
                    FROM chunks AS c, jsonb_each(c.attributes) AS a
                   WHERE c.workspace_id = s.workspace_id AND c.profile = s.no
                     AND c.part_of = CASE WHEN v.profile IS NULL THEN 1 ELSE 2 END)
       END AS attributes
  FROM standings AS s
  JOIN profiles AS p ON p.workspace_id = s.workspace_id AND p.no = s.no
  LEFT JOIN views AS v ON v.workspace_id = s.workspace_id AND v.profile = s.no
 WHERE s.root = s.no;

CREATE VIEW live_events AS
SELECT e.workspace_id AS workspace_id,
       e.seq AS seq,
       lpad(to_hex(root.created), 12, '0') || lpad(to_hex(root.no), 12, '0') AS profile_id,
       lpad(to_hex(own.created), 12, '0') || lpad(to_hex(own.no), 12, '0') AS recorded_under,
       e.name AS name,
       to_timestamp(e.time / 1000.0) AS time,
       e.time AS time_ms,
       to_timestamp(e.received_at / 1000.0) AS received_at,
       CASE e.platform WHEN 1 THEN 'ANDROID' WHEN 2 THEN 'iOS' WHEN 3 THEN 'web' WHEN 4 THEN 'TV' WHEN 5 THEN 'unknown' END
           AS platform,
       e.app_version AS app_version,
       e.device_id AS device_id,
       e.origin AS origin,
       e.attributes AS attributes
  FROM events AS e
  JOIN standings AS s ON s.workspace_id = e.workspace_id AND s.no = e.profile
  JOIN profiles AS own ON own.workspace_id = e.workspace_id AND own.no = e.profile
  JOIN profiles AS root ON root.workspace_id = e.workspace_id AND root.no = s.root;

CREATE VIEW merges AS
SELECT m.workspace_id AS workspace_id,
       'm' || m.no AS id,
       to_timestamp(m.at / 1000.0) AS merged_at,
       lpad(to_hex(m.survivor_created), 12, '0') || lpad(to_hex(m.survivor), 12, '0') AS survivor_id,
       lpad(to_hex(m.merged_created), 12, '0') || lpad(to_hex(m.merged), 12, '0') AS merged_id,
       CASE m.cause WHEN 1 THEN 'keys' WHEN 2 THEN 'activation' WHEN 3 THEN 'api' WHEN 4 THEN 'review' END AS cause,
       to_timestamp(m.reverted_at / 1000.0) AS reverted_at
  FROM merge_records AS m;
