CREATE TABLE workspaces (
    id TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    settings TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
    workspace TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
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

CREATE TABLE deleted (
    id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    name TEXT NOT NULL PRIMARY KEY,
    sha256 BLOB NOT NULL,
    scopes TEXT NOT NULL,
    workspace TEXT,
    created_at INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    expires_at INTEGER,
    allowed_addresses TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    no INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    token TEXT NOT NULL,
    address TEXT,
    workspace TEXT,
    action TEXT NOT NULL,
    class INTEGER NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_by_workspace ON audit (workspace, no);

CREATE INDEX audit_by_class ON audit (class, no);

CREATE TABLE sessions (
    cookie BLOB NOT NULL PRIMARY KEY,
    token BLOB NOT NULL,
    began INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

