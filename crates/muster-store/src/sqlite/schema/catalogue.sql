-- The catalogue (DATA_DIR/muster.db); `sum` is the checksum over the row.

CREATE TABLE workspaces (
    id TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    settings TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts the changes of each entry, keys included. The copy in the workspace's own file has the same number, or an older one
-- after a crash between the two; a newer one shows that the catalogue is an old copy.
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

-- Workspaces whose folder is being removed.
CREATE TABLE deleted (
    id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Named tokens of the management API, as hashes.
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
-- Each class of records has a bound of its own.
CREATE INDEX audit_by_class ON audit (class, no);

-- Sessions of the console, as hashes of their cookies and of their tokens: who is signed in stays so over a restart.
CREATE TABLE sessions (
    cookie BLOB NOT NULL PRIMARY KEY,
    token BLOB NOT NULL,
    began INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
