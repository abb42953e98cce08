CREATE TABLE bindings (
    workspace_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    profile bigint NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, value)
);

CREATE TABLE profiles (
    workspace_id text COLLATE "C" NOT NULL,
    no bigint NOT NULL,
    created bigint NOT NULL,
    attributes jsonb NOT NULL,
    record bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, no)
);

CREATE TABLE standings (
    workspace_id text COLLATE "C" NOT NULL,
    no bigint NOT NULL,
    created bigint NOT NULL,
    root bigint NOT NULL,
    first_seen bigint NOT NULL,
    last_seen bigint NOT NULL,
    events bigint NOT NULL,
    devices bigint NOT NULL,
    tree_first_seen bigint NOT NULL,
    tree_last_seen bigint NOT NULL,
    tree_events bigint NOT NULL,
    tree_devices bigint NOT NULL,
    tree_members bigint NOT NULL,
    weight bigint NOT NULL,
    deletion bigint,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, no)
);

CREATE TABLE views (
    workspace_id text COLLATE "C" NOT NULL,
    profile bigint NOT NULL,
    attributes jsonb NOT NULL,
    record bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, profile)
);

CREATE TABLE links (
    workspace_id text COLLATE "C" NOT NULL,
    child bigint NOT NULL,
    parent bigint NOT NULL,
    merge bigint NOT NULL,
    seq bigint NOT NULL,
    rules bytea NOT NULL,
    same_email bigint NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, child)
);

CREATE TABLE devices (
    workspace_id text COLLATE "C" NOT NULL,
    profile bigint NOT NULL,
    device_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    updated_at bigint NOT NULL,
    platform bigint NOT NULL,
    push_id text COLLATE "C" NOT NULL,
    model text COLLATE "C",
    app_version text COLLATE "C",
    os_version text COLLATE "C",
    push_opted bigint,
    push_provisional_opted bigint,
    gaid text COLLATE "C",
    idfv text COLLATE "C",
    push_id_is_word bigint NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, profile, device_id)
);

CREATE TABLE events (
    workspace_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    profile bigint NOT NULL,
    time bigint NOT NULL,
    user_time bigint NOT NULL,
    received_at bigint NOT NULL,
    request bigint NOT NULL,
    origin text COLLATE "C",
    device_id text COLLATE "C",
    name text COLLATE "C" NOT NULL,
    attributes jsonb NOT NULL,
    platform bigint,
    app_version text COLLATE "C",
    record bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, seq)
);

CREATE TABLE event_ids (
    workspace_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    seq bigint NOT NULL,
    profile bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

CREATE TABLE merge_records (
    workspace_id text COLLATE "C" NOT NULL,
    no bigint NOT NULL,
    at bigint NOT NULL,
    survivor_created bigint NOT NULL,
    survivor bigint NOT NULL,
    merged_created bigint NOT NULL,
    merged bigint NOT NULL,
    request bigint,
    element bigint,
    cause bigint NOT NULL,
    record bytea NOT NULL,
    reverted_at bigint,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, no)
);

CREATE TABLE separations (
    workspace_id text COLLATE "C" NOT NULL,
    no bigint NOT NULL,
    at bigint NOT NULL,
    a_created bigint NOT NULL,
    a bigint NOT NULL,
    b_created bigint NOT NULL,
    b bigint NOT NULL,
    cause bigint NOT NULL,
    merge bigint,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, no)
);

CREATE TABLE requests (
    workspace_id text COLLATE "C" NOT NULL,
    no bigint NOT NULL,
    received_at bigint NOT NULL,
    status bigint NOT NULL,
    route bigint NOT NULL,
    origin text COLLATE "C",
    bytes bigint NOT NULL,
    duration_us bigint NOT NULL,
    outcomes bigint NOT NULL,
    record bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, no)
);

CREATE TABLE refused (
    workspace_id text COLLATE "C" NOT NULL,
    no bigint NOT NULL,
    received_at bigint NOT NULL,
    status bigint NOT NULL,
    route bigint NOT NULL,
    origin text COLLATE "C",
    bytes bigint NOT NULL,
    duration_us bigint NOT NULL,
    outcomes bigint NOT NULL,
    record bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, no)
);

CREATE TABLE quarantine (
    workspace_id text COLLATE "C" NOT NULL,
    no bigint NOT NULL,
    at bigint NOT NULL,
    request bigint NOT NULL,
    element_index bigint NOT NULL,
    kind bigint NOT NULL,
    errors bytea NOT NULL,
    element bytea NOT NULL,
    replayed_as bigint,
    deleted_at bigint,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, no)
);

CREATE TABLE idempotency (
    workspace_id text COLLATE "C" NOT NULL,
    route bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    body_hash bytea NOT NULL,
    at bigint NOT NULL,
    status bigint NOT NULL,
    outcomes text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, route, key)
);

CREATE TABLE outbox (
    workspace_id text COLLATE "C" NOT NULL,
    request bigint NOT NULL,
    body bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, request)
);

CREATE TABLE changes (
    workspace_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    kind bigint NOT NULL,
    profile bigint NOT NULL,
    merge bigint NOT NULL,
    at bigint NOT NULL,
    request bigint,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, seq)
);

CREATE TABLE counters (
    workspace_id text COLLATE "C" NOT NULL,
    id bigint NOT NULL,
    seq bigint NOT NULL,
    profile bigint NOT NULL,
    request bigint NOT NULL,
    merge bigint NOT NULL,
    separation bigint NOT NULL,
    quarantine bigint NOT NULL,
    users bigint NOT NULL,
    events bigint NOT NULL,
    events_accepted bigint NOT NULL,
    events_removed bigint NOT NULL,
    devices bigint NOT NULL,
    requests_applied bigint NOT NULL,
    quarantined bigint NOT NULL,
    review bigint NOT NULL,
    reviews_stored bigint NOT NULL,
    reviews_open bigint NOT NULL,
    reviews_dropped bigint NOT NULL,
    activation bigint NOT NULL,
    activation_done bigint NOT NULL,
    now bigint NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

CREATE TABLE reviews (
    workspace_id text COLLATE "C" NOT NULL,
    no bigint NOT NULL,
    at bigint NOT NULL,
    last_at bigint NOT NULL,
    repeats bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    a_created bigint NOT NULL,
    a bigint NOT NULL,
    b_created bigint,
    b bigint,
    reason bigint NOT NULL,
    request bigint,
    element_index bigint,
    element bytea,
    because bytea NOT NULL,
    state bigint NOT NULL,
    closed_at bigint,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, no)
);

CREATE TABLE history (
    workspace_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    profile bigint NOT NULL,
    old_values jsonb NOT NULL,
    record bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, seq, profile)
);

CREATE TABLE holders (
    workspace_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    profile bigint NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, value, profile)
);

CREATE TABLE former (
    workspace_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    profile bigint NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, value, profile)
);

CREATE TABLE chunks (
    workspace_id text COLLATE "C" NOT NULL,
    part_of bigint NOT NULL,
    profile bigint NOT NULL,
    first text COLLATE "C" NOT NULL,
    attributes jsonb NOT NULL,
    record bytea NOT NULL,
    sum bigint NOT NULL,
    PRIMARY KEY (workspace_id, part_of, profile, first)
);

