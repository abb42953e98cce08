-- Version 2 of the catalogue: named tokens of the management API, as hashes, and the audit log.

CREATE TABLE tokens (
    name TEXT NOT NULL PRIMARY KEY,
    sha256 BLOB NOT NULL,
    scopes TEXT NOT NULL,
    workspace TEXT,
    created_at INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    no INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    token TEXT NOT NULL,
    address TEXT,
    workspace TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_by_workspace ON audit (workspace, no);
