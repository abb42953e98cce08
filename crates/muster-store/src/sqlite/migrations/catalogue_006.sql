-- Version 6 of the catalogue: records of persons' data have a bound of their own in the audit log.

DROP INDEX audit_changes;
CREATE INDEX audit_changes ON audit (no) WHERE NOT action GLOB 'session.*' AND NOT action GLOB 'user.*';
CREATE INDEX audit_people ON audit (no) WHERE action GLOB 'user.*';
