-- One row for each server as it is configured: the same name with another command is another server.
CREATE TABLE servers (
    id               INTEGER PRIMARY KEY,
    name             TEXT NOT NULL,
    fingerprint      TEXT NOT NULL,
    era              TEXT,
    protocol_version TEXT NOT NULL DEFAULT '',
    own_name         TEXT NOT NULL DEFAULT '',
    own_version      TEXT NOT NULL DEFAULT '',
    instructions     TEXT NOT NULL DEFAULT '',
    -- Unix seconds of the last complete tool list; NULL while there was none.
    listed_at        INTEGER,
    -- Unix seconds of the last start or list that failed, and why; cleared by one that went well.
    failed_at        INTEGER,
    fault            TEXT NOT NULL DEFAULT '',
    -- Unix seconds; a server that no registry has named for long is forgotten.
    seen_at          INTEGER NOT NULL DEFAULT 0,
    UNIQUE (name, fingerprint)
);

-- A tool as its server sent it, in the server's order.
CREATE TABLE tools (
    server_id INTEGER NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    raw       TEXT NOT NULL,
    PRIMARY KEY (server_id, position)
) WITHOUT ROWID;

-- Little-endian f32 vectors, keyed by what was embedded and by which model.
CREATE TABLE vectors (
    text_hash BLOB NOT NULL,
    model     TEXT NOT NULL,
    vector    BLOB NOT NULL,
    -- Unix seconds; a vector that no tool has needed for long is forgotten.
    seen_at   INTEGER NOT NULL,
    PRIMARY KEY (text_hash, model)
) WITHOUT ROWID;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Counts every change of what is known, so that other processes notice.
INSERT INTO meta (key, value) VALUES ('generation', '1');
