"""What the router's encoder is taught with, and what is kept from it.

Sets lie in folders as bench/dev has them: tools.jsonl, queries.jsonl and, for some, negatives.jsonl. Of every set a third of the servers (or,
where a set has few, of the tools) is held back: neither these tools nor any request for them is trained on, and a tool of the catalogue
with the same description isn't either. Which ones is decided by a hash of their names, so that it is the same everywhere.

  data.py SETS OUT      writes what is held back as sets of their own, for `mcporch eval`: what the ranking is fitted and measured with
"""

import collections
import hashlib
import json
import pathlib
import random
import re
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
HELD_BACK = 0.3
# Sets whose requests mean one server each are cut by server; of the others each tool goes its own way.
BY_SERVER = {"azuremcp_a", "etom_a", "mcpbench", "toolalpaca"}
# Stories that need many servers at once: what has any server that is held back is for checking.
STORIES = {"mcpbench"}
QUERIES_MAX, CHECKED_MAX = 2500, 800
JUNK = re.compile("Claim Server|Try in Playground")  # Furniture of web pages that some descriptions of the catalogue consist of.


def read_lines(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")] if path.exists() else []


def plain(text):
    return re.sub(r"\W+", " ", (text or "").lower()).strip()


def key_of(tool):
    return tool["server"] or "", tool["name"] or ""


def is_held_back(set_name, key):
    number = int(hashlib.sha256(f"{set_name}/{key}".encode()).hexdigest(), 16)
    return number % 1000 < HELD_BACK * 1000


class Set:
    """Tools, and requests as (text, [groups of places of tools of which any one will do])."""

    def __init__(self, name, tools, queries):
        self.name, self.tools = name, tools
        for tool in tools:
            tool["description"] = tool.get("description") or ""
            tool["name"] = tool["name"] or ""
        place = {}
        for i, tool in enumerate(tools):
            place.setdefault(key_of(tool), i)
        self.requests = []
        for query in queries:
            gold = [place.get(key_of(one)) for one in query["gold"]]
            groups = [[gold[i] for i in group] for group in query.get("groups") or [[i] for i in range(len(gold))]]
            groups = [[i for i in group if i is not None] for group in groups]
            self.requests.append((query["query"], [group for group in groups if group]))
        self.requests = [one for one in self.requests if one[1]]


def alternatives(queries):
    """Tools of which any one will do belong together: the same word for all of them."""
    parent = {}

    def root(key):
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for query in queries:
        keys = [key_of(one) for one in query["gold"]]
        for group in query.get("groups") or []:
            for i in group[1:]:
                parent[root(keys[i])] = root(keys[group[0]])
    return root


def cut_queries(name, tools, queries):
    """(requests to train on, requests for checking, the keys that are held back)"""
    root = alternatives(queries)
    word = (lambda key: key[0]) if name in BY_SERVER else (lambda key: "/".join(root(key)))
    held = {key for key in map(key_of, tools) if is_held_back(name, word(key))}
    golds = [{key_of(one) for one in query["gold"]} for query in queries]
    train = [query for query, gold in zip(queries, golds) if not gold & held]
    check = [query for query, gold in zip(queries, golds) if (gold & held if name in STORIES else gold <= held)]
    return train, check, held


def cut(name, tools, queries):
    """(what is trained on, what is for checking, the keys that are held back)"""
    train, check, held = cut_queries(name, tools, queries)
    if len(train) > QUERIES_MAX:
        train = random.Random(1).sample(train, QUERIES_MAX)
    if len(check) > CHECKED_MAX:
        check = random.Random(1).sample(check, CHECKED_MAX)
    return (
        Set(name, [tool for tool in tools if key_of(tool) not in held], train),
        Set(name, tools, check),
        held,
    )


def whole(folder):
    """A set of which nothing is held back."""
    queries = read_lines(folder / "queries.jsonl")
    if len(queries) > QUERIES_MAX:
        queries = random.Random(1).sample(queries, QUERIES_MAX)
    return Set(folder.name, read_lines(folder / "tools.jsonl"), queries)


def set_names(folder):
    return sorted(path.parent.name for path in folder.glob("*/queries.jsonl"))


def cut_sets(folder):
    """All sets of that folder, cut, and what no other source may teach: descriptions, and names of server and tool."""
    train, check, held_texts = [], [], set()
    for name in set_names(folder):
        tools = read_lines(folder / name / "tools.jsonl")
        mine, theirs, held = cut(name, tools, read_lines(folder / name / "queries.jsonl"))
        train.append(mine)
        check.append(theirs)
        for tool in tools:
            if key_of(tool) in held:
                held_texts |= {plain(tool["description"]), plain(" ".join(key_of(tool)))}
    return train, check, held_texts


def own_requests(name):
    """Those written by hand: (server, tool) to [(style, language, request)]."""
    found = collections.defaultdict(list)
    for line in open(HERE / "requests" / f"{name}.tsv", encoding="utf-8"):
        if not line.startswith("#"):
            server, tool, style, language, request = line.rstrip("\n").split("\t")
            found[server, tool].append((style, language, request))
    return found


def known_tools(folder):
    """The sentences that the product ships for tools of known servers: {(file, tool): [sentence]}."""
    found = {}
    for path in sorted(folder.glob("*.tsv")):
        for line in open(path, encoding="utf-8"):
            if line.strip() and not line.startswith("#"):
                tool, *sentences = line.rstrip("\n").split("\t")
                found[path.stem, tool] = sentences
    return found


def write_held_back(folder, out):
    """Each set with all its tools and the requests that were held back; those that nothing serves were never trained on."""
    for name in set_names(folder):
        (out / name).mkdir(parents=True, exist_ok=True)
        _, check, _ = cut_queries(name, read_lines(folder / name / "tools.jsonl"), read_lines(folder / name / "queries.jsonl"))
        (out / name / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in check))
        for file in ("tools.jsonl", "servers.jsonl", "negatives.jsonl"):
            if (folder / name / file).exists():
                shutil.copyfile(folder / name / file, out / name / file)
        print(f"{name}: {len(check)} requests")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    write_held_back(*map(pathlib.Path, sys.argv[1:]))
