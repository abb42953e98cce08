-- Version 5 of the catalogue: a token can end, and be restricted to addresses.

ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
ALTER TABLE tokens ADD COLUMN allowed_addresses TEXT NOT NULL DEFAULT '';
