"""What the router's encoder is taught with, and what is kept from it.

Sets lie in folders as bench/dev has them: tools.jsonl, queries.jsonl and, for some, negatives.jsonl. Of every set a third of the servers (or,
where a set has few, of the tools) is held back: neither these tools nor any request for them is trained on, and a tool of the catalogue
with the same description isn't either. Which ones is decided by a hash of their names, so that it is the same everywhere.

  data.py SETS OUT [FOLD TOOLS]     writes what is held back as sets of their own, for `mcporch eval`: what the ranking is fitted and measured
                                    with. Folds 1 and 2 have some of our own requests, too; TOOLS has the tools/list answers of real servers
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
# What each fold holds back, by the hash of a name in thousandths. Fold 0 is that of the shipped encoder; the encoders of the two others are only
# there so that every request is unseen by one, for a fit with all of them.
FOLDS = ((0, 300), (300, 650), (650, 1000))
# Sets whose requests mean one server each are cut by server; of the others each tool goes its own way.
BY_SERVER = {"azuremcp_a", "etom_a", "mcpbench", "toolalpaca"}
# Stories that need many servers at once: what has any server that is held back is for checking.
STORIES = {"mcpbench"}
QUERIES_MAX, CHECKED_MAX = 2500, 800
# The folders of real tool lists, and what their servers are called in config/known_tools.
KNOWN_AS = {"py-calculator": "calculator", "py-fetch": "fetch", "py-git": "git", "py-sqlite": "sqlite", "py-time": "time", "cyanheads-git": "git-extended"}
JUNK = re.compile("Claim Server|Try in Playground")  # Furniture of web pages that some descriptions of the catalogue consist of.


def read_lines(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")] if path.exists() else []


def plain(text):
    return re.sub(r"\W+", " ", (text or "").lower()).strip()


def key_of(tool):
    return tool["server"] or "", tool["name"] or ""


def is_held_back(set_name, key, fold=0):
    number = int(hashlib.sha256(f"{set_name}/{key}".encode()).hexdigest(), 16) % 1000
    return FOLDS[fold][0] <= number < FOLDS[fold][1]


def is_own_held_back(server, fold):
    """Of our own requests the shipped encoder saw all; each of the two others goes without those to half of the servers."""
    return fold > 0 and int(hashlib.sha256(server.encode()).hexdigest(), 16) % 2 == fold - 1


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


def cut_queries(name, tools, queries, fold=0):
    """(requests to train on, requests for checking, the keys that are held back)"""
    root = alternatives(queries)
    word = (lambda key: key[0]) if name in BY_SERVER else (lambda key: "/".join(root(key)))
    held = {key for key in map(key_of, tools) if is_held_back(name, word(key), fold)}
    golds = [{key_of(one) for one in query["gold"]} for query in queries]
    train = [query for query, gold in zip(queries, golds) if not gold & held]
    check = [query for query, gold in zip(queries, golds) if (gold & held if name in STORIES else gold <= held)]
    return train, check, held


def cut(name, tools, queries, fold=0):
    """(what is trained on, what is for checking, the keys that are held back)"""
    train, check, held = cut_queries(name, tools, queries, fold)
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


def cut_sets(folder, fold=0):
    """All sets of that folder, cut, and what no other source may teach: descriptions, and names of server and tool."""
    train, check, held_texts = [], [], set()
    for name in set_names(folder):
        tools = read_lines(folder / name / "tools.jsonl")
        mine, theirs, held = cut(name, tools, read_lines(folder / name / "queries.jsonl"), fold)
        train.append(mine)
        check.append(theirs)
        for tool in tools:
            if key_of(tool) in held:
                held_texts |= {plain(tool["description"]), plain(" ".join(key_of(tool)))}
    return train, check, held_texts


def real_tools(folder):
    """The tools of real servers: FOLDER/probe-SERVER.tools.json, answers to tools/list."""
    found = []
    for path in sorted(folder.glob("probe-*.tools.json")):
        answer = json.load(open(path, encoding="utf-8"))
        for tool in answer if isinstance(answer, list) else answer["tools"]:
            found.append({"server": path.name[6:-11], "name": tool["name"], "description": tool.get("description") or "", "input_schema": tool.get("inputSchema")})
    return found


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


def write_set(folder, tools, queries, negatives=()):
    folder.mkdir(parents=True, exist_ok=True)
    for file, lines in (("tools", tools), ("queries", queries), ("negatives", negatives)):
        if lines:
            (folder / f"{file}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(f"{folder.name}: {len(queries)} requests")


def own_queries(written, tools, fold, alike):
    """Our own requests that this fold's encoder never saw. Tools of which `alike` says the same serve the same requests."""
    of_kind = collections.defaultdict(list)
    for tool in tools:
        of_kind[alike(tool)].append(tool)
    kind = {key_of(tool): alike(tool) for tool in tools}
    for key, found in written.items():
        if key in kind and is_own_held_back(key[0], fold):
            gold = [{"server": key[0], "name": key[1]}]
            gold += [{"server": tool["server"], "name": tool["name"]} for tool in of_kind[kind[key]] if key_of(tool) != key]
            yield from ({"query": request, "gold": gold, "groups": [list(range(len(gold)))]} for _, _, request in found)


def write_held_back(folder, out, fold=0, tools_folder=None):
    """Each set with all its tools and the requests that were held back; those that nothing serves were never trained on."""
    for name in set_names(folder):
        tools = read_lines(folder / name / "tools.jsonl")
        _, check, _ = cut_queries(name, tools, read_lines(folder / name / "queries.jsonl"), fold)
        write_set(out / name, tools, check)
        for file in ("servers.jsonl", "negatives.jsonl"):
            if (folder / name / file).exists():
                shutil.copyfile(folder / name / file, out / name / file)
    if fold == 0:
        return
    # Real servers as they are met: with the sentences that are shipped for them, but for those that are requests here.
    written, known = own_requests("real_servers"), known_tools(HERE.parent.parent / "config" / "known_tools")
    tools = real_tools(tools_folder)
    for tool in tools:
        asked = {request for _, _, request in written[key_of(tool)]}
        sentences = known.get((KNOWN_AS.get(tool["server"], tool["server"]), tool["name"]), [])
        tool["examples"] = [sentence for sentence in sentences if sentence not in asked]
    alike = lambda tool: (tool["server"].removeprefix("cyanheads-").removeprefix("py-"), tool["name"])
    nothing = [{"query": line.rstrip("\n").split("\t")[1]} for line in open(HERE / "requests" / "no_tool.tsv", encoding="utf-8") if not line.startswith("#")]
    write_set(out / f"own_real_{fold}", tools, list(own_queries(written, tools, fold, alike)), nothing)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 5):
        raise SystemExit(__doc__)
    write_held_back(*map(pathlib.Path, sys.argv[1:3]), *(f(one) for f, one in zip((int, pathlib.Path), sys.argv[3:])))
