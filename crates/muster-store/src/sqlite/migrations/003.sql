-- Version 3 of a workspace's file: its own copy of its entry in the catalogue, so that a catalogue that is lost or older
-- is noticed, and the entry can be had back.

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
