-- Who held an identifier once: what own records tell, found by the identifier.
CREATE TABLE former (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    profile INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (kind, value, profile)
) STRICT, WITHOUT ROWID;
