-- Version 7 of the catalogue: sessions of the console, as hashes of their cookies and of their tokens, so that who is signed
-- in stays so over a restart.

CREATE TABLE sessions (
    cookie BLOB NOT NULL PRIMARY KEY,
    token BLOB NOT NULL,
    began INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
