CREATE TABLE servers (
    id INTEGER PRIMARY KEY,
    -- '*' is the sum.
    name TEXT NOT NULL UNIQUE
) STRICT;

-- at: seconds since 1970. cpu in percent of one core and memory in bytes are NULL while the server did not run.
CREATE TABLE seconds (
    at INTEGER NOT NULL,
    server INTEGER NOT NULL REFERENCES servers (id),
    cpu REAL,
    memory INTEGER,
    calls INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    PRIMARY KEY (at, server)
) STRICT, WITHOUT ROWID;

-- The same for whole minutes: the average of cpu, the maxima of memory and in_flight, the sums of calls and errors.
CREATE TABLE minutes (
    at INTEGER NOT NULL,
    server INTEGER NOT NULL REFERENCES servers (id),
    cpu REAL,
    memory INTEGER,
    calls INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    PRIMARY KEY (at, server)
) STRICT, WITHOUT ROWID;
