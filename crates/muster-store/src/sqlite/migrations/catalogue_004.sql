-- Version 4 of the catalogue: counts the changes of each entry, keys included. The copy in the workspace's own file has
-- the same number, or an older one after a crash between the two; a newer one tells that the catalogue is an old copy.

CREATE TABLE versions (
    workspace TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
