-- Version 4 of a workspace's file: a quarantine entry that was deleted stays, hidden, while it can be restored.
CREATE TABLE quarantine_with_deleted (
    no INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    request INTEGER NOT NULL,
    element_index INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    errors BLOB NOT NULL,
    element BLOB NOT NULL,
    replayed_as INTEGER,
    deleted_at INTEGER,
    sum INTEGER NOT NULL
) STRICT;
INSERT INTO quarantine_with_deleted
SELECT no, at, request, element_index, kind, errors, element, replayed_as, NULL, sum FROM quarantine;
DROP TABLE quarantine;
ALTER TABLE quarantine_with_deleted RENAME TO quarantine;

CREATE INDEX quarantine_at ON quarantine (at);
-- Few rows: those of the last minute. They are removed by their deletion.
CREATE INDEX quarantine_deleted ON quarantine (deleted_at) WHERE deleted_at IS NOT NULL;
