#!/usr/bin/env python3
"""Bad input over HTTP against `mcporch serve --http`, and what has to come back. Linux; the standard library alone.

    bad_http.py BIN [--only TEXT] [--set SECTION.KEY=VALUE]…

Prints a table: what was sent, what the specification (or good sense) wants, what came. `S` before what is wanted says that it
is a MUST or SHOULD of the specification: revision 2026-07-28 basic/transports/streamable-http and basic/patterns/mrtr, or
2025-11-25 basic/transports for what has a session. Exit status 1 when something else came.
"""

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import bad_bodies  # noqa: E402
import bad_crowds  # noqa: E402
import bad_headers  # noqa: E402
import bad_keys  # noqa: E402
import bad_states  # noqa: E402
import gateway  # noqa: E402
from wire import Modern, Place  # noqa: E402


class Table:
    """The findings, printed as they come."""

    def __init__(self, only):
        self.only, self.failed, self.count = only.lower(), 0, 0

    def case(self, name, wanted, found, ok):
        self.count += 1
        self.failed += not ok
        print(f"  {'ok  ' if ok else 'FAIL'} {name:58} {wanted:42} {found}", flush=True)

    def run(self, name, wanted, tried):
        """`tried()` gives what came and whether that is good; what it raises is a failure too."""
        if self.only not in name.lower():
            return
        try:
            found, ok = tried()
        except Exception as error:  # noqa: BLE001  # A refused connection, a time-out: all of them are findings.
            found, ok = f"{type(error).__name__}: {error}", False
        self.case(name, wanted, str(found)[:160], ok)


def main():
    parser = argparse.ArgumentParser(prog="bad_http.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mcporch", metavar="BIN")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--set", action="append", default=[], help="a setting for mcporch; repeatable")
    asked = parser.parse_args()
    mcporch = gateway.binary(asked.mcporch)
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcporch-bad-"))
    records = {era: work / f"{era}.record" for era in ["legacy", "modern"]}
    servers = {era: gateway.fixture(mcporch, era, record) for era, record in records.items()}
    options = [part for setting in asked.set for part in ["--set", setting]]
    table = Table(asked.only)
    try:
        with gateway.Serving(mcporch, work / "mcporch", servers, options) as serving:
            place = Place(serving.url)
            for group in [bad_headers, bad_bodies, bad_states, bad_crowds]:
                print(f"\n== {group.__doc__.splitlines()[0]}")
                group.cases(table, place, records, serving)
            print("\n== After all that")
            table.run("a good call", "200, result", lambda: good_call(place))
            panics = serving.stderr().count("panicked")
            table.run("panics on stderr", "none", lambda: (panics, panics == 0))
        print(f"\n== {bad_keys.__doc__.splitlines()[0]}")
        bad_keys.cases(table, mcporch, work, servers, options)
    except gateway.NotStarted as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{table.count - table.failed} of {table.count} as they should be")
    print(f"what was written is kept in {work}", file=sys.stderr)
    return 1 if table.failed else 0


def good_call(place):
    answer = Modern(place, "/mcp/s/modern").call("test_simple_text")
    return answer, answer.status == 200 and "simple text" in answer.text()


if __name__ == "__main__":
    sys.exit(main())
