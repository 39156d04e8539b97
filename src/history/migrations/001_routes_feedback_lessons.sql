-- One row for each request in words that was routed. Texts are private: the file is readable by its owner alone, and
-- what looks like a secret is taken out before it is written.
CREATE TABLE routes (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What callers refer to it by; random.
    route_id         TEXT NOT NULL UNIQUE,
    -- Unix seconds.
    at               INTEGER NOT NULL,
    -- `execute`, `find_tool` or `query`.
    verb             TEXT NOT NULL,
    request          TEXT NOT NULL,
    -- Names of the parameters that came with it, a JSON list; their values are not kept.
    params           TEXT NOT NULL,
    model            TEXT NOT NULL,
    -- Best first; a JSON list of [server, tool].
    candidates       TEXT NOT NULL,
    confidence       REAL NOT NULL,
    any_confidence   REAL NOT NULL,
    outcome          TEXT NOT NULL,
    -- Of the tool in question: the one that ran, else the first.
    effect           TEXT NOT NULL,
    tool_server      TEXT,
    tool_name        TEXT,
    tool_fingerprint TEXT,
    tool_about       TEXT,
    -- Whether it was called.
    has_run          INTEGER NOT NULL,
    -- What the caller took afterwards, as [server, tool]; NULL when that is not known.
    chosen           TEXT
);
CREATE INDEX routes_at ON routes (at);

-- What somebody said of a route; the last word counts.
CREATE TABLE feedback (
    route_id TEXT PRIMARY KEY REFERENCES routes (route_id) ON DELETE CASCADE,
    at       INTEGER NOT NULL,
    verdict  TEXT NOT NULL,
    -- The right tool as [server, tool], where it was told.
    tool     TEXT,
    teacher  TEXT NOT NULL
);

-- What ranking takes from all that. Outlives the route it came from.
CREATE TABLE lessons (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    route_id    TEXT NOT NULL,
    at          INTEGER NOT NULL,
    -- `feedback`, `choice` or `failure`.
    source      TEXT NOT NULL,
    -- In units of a cosine; below 0 it speaks against the tool.
    weight      REAL NOT NULL,
    request     TEXT NOT NULL,
    server      TEXT NOT NULL,
    tool        TEXT NOT NULL,
    -- Of what was started under that name, and of what the tool said of itself: another one inherits nothing.
    fingerprint TEXT NOT NULL,
    about       TEXT NOT NULL,
    -- The request's vector, little-endian f32, and the model it is of; NULL until it is needed.
    model       TEXT,
    vector      BLOB
);
CREATE INDEX lessons_route ON lessons (route_id);

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Counts every change of the lessons, so that other processes notice.
INSERT INTO meta (key, value) VALUES ('lessons', '1');
