-- Version 3 of the catalogue: records of sessions have a bound of their own in the audit log.

CREATE INDEX audit_sessions ON audit (no) WHERE action GLOB 'session.*';
CREATE INDEX audit_changes ON audit (no) WHERE NOT action GLOB 'session.*';
