-- Tables of the catalogue (DATA_DIR/muster.db), version 1; `sum` is the checksum over the row.

CREATE TABLE workspaces (
    id TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    settings TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    workspace TEXT NOT NULL,
    place INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    valid_until INTEGER,
    sum INTEGER NOT NULL,
    PRIMARY KEY (workspace, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Workspaces whose folder is on its way out.
CREATE TABLE deleted (
    id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
