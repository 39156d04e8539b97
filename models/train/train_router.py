#!/usr/bin/env python3
"""Teaches the built-in encoder what a tool is: requests and tools that serve them are drawn together, their rivals apart.

  train_router.py --sets DEV --tools TOOLS --seed 1 --out FOLDER [--all]

DEV is a folder of sets (see data.py) with the catalogue, TOOLS one of tools/list answers (*.tools.json). Without --all a third of each set is
held back (data.py); with it everything is trained on. Writes tuned.safetensors, log.jsonl and run.json.

Loss: InfoNCE at temperature --temperature over all tools of the batch: the right ones of the other requests, and for each request --hard rivals:
near misses of the model that it starts with and of words, and other tools of the same server. What may be right, too, is no rival: other right
tools, equal texts, and what that model takes for the same (cosine above --same).
"""

import argparse
import collections
import json
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import data
import texts
from encoder import Encoder, base_folder, mean_of, read_weights, tokenizer

REPOSITORY = data.HERE.parent.parent


class Words:
    """BM25 over names, descriptions and servers."""

    def __init__(self, tools, k1=1.2, b=0.75):
        counted = [
            collections.Counter(texts.words(tool["name"]) * 3 + texts.words(tool["description"]) + texts.words(texts.server_words(tool["server"])))
            for tool in tools
        ]
        lens = np.array([max(1, sum(one.values())) for one in counted])
        holders = collections.defaultdict(list)
        for i, one in enumerate(counted):
            for word, count in one.items():
                holders[word].append((i, count))
        self.size, self.holders = len(tools), {}
        for word, found in holders.items():
            at, count = np.array([one[0] for one in found]), np.array([one[1] for one in found], float)
            rarity = math.log(1 + (self.size - len(found) + 0.5) / (len(found) + 0.5))
            self.holders[word] = at, rarity * count * (k1 + 1) / (count + k1 * (1 - b + b * lens[at] / lens.mean()))

    def scores(self, request):
        out = np.zeros(self.size, np.float32)
        for word in set(texts.words(request)):
            if word in self.holders:
                at, score = self.holders[word]
                out[at] += score
        return out


def standard(scores):
    """Each row with mean 0 and deviation 1."""
    return (scores - scores.mean(-1, keepdims=True)) / np.maximum(scores.std(-1, keepdims=True), 1e-9)


class Source:
    """Requests for the tools of one set, each with its rivals."""

    def __init__(self, one, encoder, asked):
        self.name, self.tools = one.name, one.tools
        self.same = [data.plain(tool["description"]) or data.plain(tool["name"]) for tool in self.tools]
        self.base = encoder.encode([texts.whole(tool) for tool in self.tools], asked.tool_tokens)
        self.of_server = collections.defaultdict(list)
        for i, tool in enumerate(self.tools):
            self.of_server[tool["server"]].append(i)
        vectors = encoder.encode([request for request, _ in one.requests], asked.request_tokens)
        by_words = Words(self.tools)
        self.requests = []
        for (request, groups), vector in zip(one.requests, vectors):
            meaning, said = self.base @ vector, by_words.scores(request)
            right = {i for group in groups for i in group}
            is_same = (self.base @ self.base[sorted(right)].T).max(1) > asked.same
            rivals = []
            for scores, count in ((0.3 * standard(said) + 0.7 * standard(meaning), 12), (meaning, 6), (said, 6)):
                best = np.argsort(-scores)[: count + 4]
                rivals += [int(i) for i in best if not is_same[i] and int(i) not in right][:count]
            self.requests.append((request, groups, right, list(dict.fromkeys(rivals))))
        self.asked_for = len(self.requests)

    def pairs(self, rng, asked):
        """One pass: (source, request, the right one, all right ones, its rival or None, a text of its own or None)."""
        out = []
        for request, groups, right, rivals in self.requests:
            for group in rng.sample(groups, min(len(groups), asked.groups_max)):
                it = rng.choice(group)
                near = [i for i in self.of_server[self.tools[it]["server"]] if i not in right and self.base[i] @ self.base[it] < asked.same]
                out.append((self, request, it, right, rivals, near, None))
        return out


class Ruled:
    """Requests made by rule, other ones in each pass."""

    def __init__(self, tools, asked):
        seen = set()
        self.name, self.tools, self.asked_for = "rules", [], asked.by_rule
        for tool in tools:
            said = data.plain(tool["description"])
            if len(tool["description"]) > 30 and said not in seen and not data.JUNK.search(tool["description"]):
                seen.add(said)
                self.tools.append(tool)
        holders = collections.Counter(word for tool in self.tools for word in set(texts.words(tool["description"])))
        self.rarity = {word: math.log(len(self.tools) / count) for word, count in holders.items()}
        self.same = [data.plain(tool["description"]) for tool in self.tools]
        self.base = None
        self.of_server = collections.defaultdict(list)
        for i, tool in enumerate(self.tools):
            self.of_server[tool["server"]].append(i)

    def pairs(self, rng, asked):
        out = []
        for i in rng.sample(range(len(self.tools)), len(self.tools)):
            if len(out) == self.asked_for:
                break
            made = texts.by_rule(self.tools[i], self.rarity, rng)
            if made:
                near = [j for j in self.of_server[self.tools[i]["server"]] if j != i]
                out.append((self, made[0], i, {i}, [], near, made[1]))
        return out


def sources(asked, encoder):
    """Everything that is trained on."""
    sets, _, held = data.cut_sets(asked.sets, asked.fold)
    if asked.all:
        sets, held = [data.whole(asked.sets / name) for name in data.set_names(asked.sets)], set()
    rng = random.Random(3)
    real = data.real_tools(asked.tools)
    held |= {data.plain(tool["description"]) for tool in real if data.is_own_held_back(tool["server"], asked.fold)}
    written = data.own_requests("catalogue")
    servers = {server for server, _ in written}
    free = [
        tool
        for tool in data.read_lines(asked.sets / "catalogue" / "tools.jsonl")
        if data.plain(tool["description"]) not in held
        and data.plain(" ".join(data.key_of(tool))) not in held
        and not (tool["server"] in servers and data.is_own_held_back(tool["server"], asked.fold))
    ]
    mine = [tool for tool in free if tool["server"] in servers]
    others = [tool for tool in free if tool["server"] not in servers]
    queries = [{"query": one[2], "gold": [{"server": server, "name": name}]} for (server, name), found in written.items() for one in found]
    sets.append(data.Set("own catalogue", mine + rng.sample(others, min(2000, len(others))), queries))
    real = [tool for tool in real if not data.is_own_held_back(tool["server"], asked.fold)]
    written, known = data.own_requests("real_servers"), data.known_tools(REPOSITORY / "config" / "known_tools")
    queries = [{"query": one[2], "gold": [{"server": server, "name": name}]} for (server, name), found in written.items() for one in found]
    for tool in real:
        sentences = known.get((data.KNOWN_AS.get(tool["server"], tool["server"]), tool["name"]), [])
        queries += [{"query": sentence, "gold": [{"server": tool["server"], "name": tool["name"]}]} for sentence in sentences]
    sets.append(data.Set("own real", real, queries))
    made = [Source(one, encoder, asked) for one in sets if one.requests]
    return made + ([Ruled(free, asked)] if asked.by_rule else [])


def joined(block, rng, share):
    """Some requests become two at once; what serves the other is no rival then."""
    out = []
    for pair in block:
        source, request, it, right, rivals, near, left = pair
        other = rng.choice(block)
        if rng.random() < share and other is not pair and len(request) + len(other[1]) < 600:
            parts = [request, other[1]]
            rng.shuffle(parts)
            request = parts[0].rstrip(" .;,") + rng.choice([" ", ". ", ", and ", ". Then ", "; also "]) + parts[1]
            pair = (source, request, it, right | other[3], rivals, near, left)
        out.append(pair)
    return out


def batches(made, rng, asked):
    """Batches of two blocks, each of one source: tools of the same set are the better rivals."""
    half, passes = asked.batch // 2, 0
    blocks = []
    while True:
        while len(blocks) < 2:
            for source in made:
                pairs = source.pairs(rng, asked)
                rng.shuffle(pairs)
                found = [pairs[i : i + half] for i in range(0, len(pairs), half)]
                blocks += [block for block in found if len(block) >= half // 2]
            rng.shuffle(blocks)
            passes += 1
        yield passes, joined(blocks.pop(), rng, asked.join) + joined(blocks.pop(), rng, asked.join)


def batch_of(pairs, tokens, rng, asked):
    """Token numbers of requests and tools, the place of each right tool, and what is no rival."""
    places, shown = {}, {}
    for source, _, it, _, rivals, near, left in pairs:
        places.setdefault((id(source), it), len(places))
        shown.setdefault((id(source), it), (source, it, left or source.tools[it]))
        for _ in range(asked.hard):
            pool = near if near and (not rivals or rng.random() < 0.4) else rivals
            if pool:
                rival = rng.choice(pool)
                places.setdefault((id(source), rival), len(places))
                shown.setdefault((id(source), rival), (source, rival, source.tools[rival]))
    listed = [shown[key] for key in places]
    tokens.enable_truncation(asked.tool_tokens)
    tools = [one.ids for one in tokens.encode_batch([(texts.placed if rng.random() < 0.4 else texts.whole)(tool) for _, _, tool in listed])]
    tokens.enable_truncation(asked.request_tokens)
    requests = [one.ids for one in tokens.encode_batch([pair[1] for pair in pairs])]
    target = torch.tensor([places[id(pair[0]), pair[2]] for pair in pairs])
    no_rival = torch.zeros(len(pairs), len(listed), dtype=torch.bool)
    for row, (source, _, it, right, *_) in enumerate(pairs):
        for column, (other, i, _) in enumerate(listed):
            alike = other.same[i] == source.same[it] or (other is source and i in right)
            if not alike and other.base is not None and source.base is not None:
                alike = float(other.base[i] @ source.base[it]) > asked.same
            no_rival[row, column] = alike
        no_rival[row, target[row]] = False
    return requests, tools, target, no_rival


def main():
    parser = argparse.ArgumentParser(prog="train_router.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=pathlib.Path, required=True)
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--all", action="store_true", help="hold nothing back")
    parser.add_argument("--start", type=pathlib.Path, nargs="+", metavar="RUN", help="goes on from the mean of these runs, with the rivals that it takes for near")
    parser.add_argument("--fold", type=int, default=0, choices=range(len(data.FOLDS)), help="which part is held back")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=4e-5)
    parser.add_argument("--warm-up", type=float, default=0.1)
    parser.add_argument("--temperature", type=float, default=0.05)
    parser.add_argument("--hard", type=int, default=1, help="rivals of each request")
    parser.add_argument("--same", type=float, default=0.92)
    parser.add_argument("--join", type=float, default=0.1, help="share of requests that are joined with another")
    parser.add_argument("--by-rule", type=int, default=3000, help="requests made by rule in each pass")
    parser.add_argument("--groups-max", type=int, default=3, help="right tools of one request that are taken in one pass")
    parser.add_argument("--request-tokens", type=int, default=256)
    parser.add_argument("--tool-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    torch.set_num_threads(asked.threads)
    rng = random.Random(asked.seed)
    asked.out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    start = mean_of([read_weights(run / "tuned.safetensors") for run in asked.start]) if asked.start else read_weights(base_folder() / "model.safetensors")
    encoder, tokens = Encoder(start), tokenizer()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = sources(asked, encoder)
    for source in made:
        print(f"{source.name}: {len(source.tools)} tools, {source.asked_for} requests", flush=True)
    print(f"prepared in {time.time() - began:.0f} s", flush=True)
    for name in ("embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"):
        encoder.w(name).requires_grad_(False)  # Too few requests to move 30,000 words.
    trained = [weight for weight in encoder.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": 0.01},
        {"params": [weight for weight in trained if weight.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=asked.rate, fused=True)
    log, losses, hits = open(asked.out / "log.jsonl", "w"), collections.deque(maxlen=50), collections.deque(maxlen=50)
    started = time.time()
    for step, (passes, pairs) in zip(range(asked.steps), batches(made, rng, asked)):
        requests, tools, target, no_rival = batch_of(pairs, tokens, rng, asked)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            encoded = encoder(tools + requests).float()
            alike = encoded[len(tools) :] @ encoded[: len(tools)].T
        alike = alike.masked_fill(no_rival, -1e4)
        loss = F.cross_entropy(alike / asked.temperature, target)
        warm = asked.warm_up * asked.steps
        rate = asked.rate * min((step + 1) / max(1.0, warm), (asked.steps - step) / max(1.0, asked.steps - warm))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())
        hits.append((alike.argmax(1) == target).float().mean().item())
        if step % 20 == 0 or step == asked.steps - 1:
            told = {"step": step, "pass": passes, "s": round(time.time() - started)}
            told |= {"loss": round(float(np.mean(losses)), 4), "first": round(float(np.mean(hits)), 4)}
            log.write(json.dumps(told) + "\n")
            log.flush()
            print(told, flush=True)
    save_file(encoder.state(), str(asked.out / "tuned.safetensors"))
    run = {name: str(value) for name, value in vars(asked).items() if name not in ("sets", "tools", "out")}
    run |= {"seconds": round(time.time() - began), "requests": {source.name: source.asked_for for source in made}}
    (asked.out / "run.json").write_text(json.dumps(run, indent=1) + "\n")


if __name__ == "__main__":
    main()
