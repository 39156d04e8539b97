#!/usr/bin/env python3
"""The REST surface, events and WebSockets of `mcporch serve --http`, from outside: what is promised, and bad input. Linux.

    rest.py BIN [--only TEXT] [--group NAME]… [--cache DIR]

Groups: verbs, seeds, schema, bad, streams, keys. Each has a mcporch of its own. Exit status 1 when something failed; what cannot
run is named by a line `skipped: …`.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import gateway  # noqa: E402
import rest_bad  # noqa: E402
import rest_keys  # noqa: E402
import rest_schema  # noqa: E402
import rest_seeds  # noqa: E402
import rest_streams  # noqa: E402
import rest_verbs  # noqa: E402
import rest_world  # noqa: E402
from api import Api  # noqa: E402
from verdicts import Verdicts  # noqa: E402

GROUPS = {
    "verbs": rest_verbs,
    "seeds": rest_seeds,
    "schema": rest_schema,
    "bad": rest_bad,
    "streams": rest_streams,
    "keys": rest_keys,
}


def main():
    parser = argparse.ArgumentParser(prog="rest.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mcporch", metavar="BIN")
    parser.add_argument("--only", default="", help="only checks whose name contains this")
    parser.add_argument("--group", action="append", choices=GROUPS, help="only these groups; repeatable")
    parser.add_argument("--cache", default=gateway.default_cache(), help="where schemathesis is installed")
    asked = parser.parse_args()
    mcporch = gateway.binary(asked.mcporch)
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcporch-rest-"))
    units = gateway.installed(asked.cache, "surfaces")
    verdicts = Verdicts(asked.only)
    for name in asked.group or GROUPS:
        verdicts.section(GROUPS[name].__doc__.splitlines()[0])
        folder = work / name
        folder.mkdir()
        servers = rest_world.servers(mcporch, folder)
        verdicts.whole(name, lambda name=name: group(name, verdicts, mcporch, units, servers, folder))
    status = verdicts.end()
    if status == 0:
        shutil.rmtree(work)
    else:
        print(f"what was written is kept in {work}", file=sys.stderr)
    return status


def group(name, verdicts, mcporch, units, servers, work):
    if name == "seeds":
        return rest_seeds.cases(verdicts, mcporch, units, servers, work)
    if name == "keys":
        return rest_keys.cases(verdicts, mcporch, servers, work)
    if name == "schema":
        servers = rest_schema.servers(mcporch)
    with gateway.Serving(mcporch, work / "mcporch", servers) as serving:
        if name == "schema":
            return rest_schema.cases(verdicts, serving, units, work, mcporch)
        return GROUPS[name].cases(verdicts, Api(serving.url), serving)


if __name__ == "__main__":
    sys.exit(main())
