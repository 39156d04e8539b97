#!/usr/bin/env python3
"""How well encoders find tools in the parts of the sets that were held back: alone, and in the plain fusion with words.

  evaluate.py --sets DEV [--share S]… [base | FOLDER/tuned.safetensors]…

--share averages each tuned model with the base (data.py says what is held back). A tool is the mean of its two texts, as in the index; the
fusion is .3 words + .7 meaning, each with mean 0 and deviation 1 over the tools. P@1: the first tool is right. R@5: share of the things asked
for whose tool is among the first five. nDCG@10 counts each thing once, at its first tool.
"""

import argparse
import json
import math
import pathlib

import numpy as np
import torch

import data
import texts
from encoder import Encoder, averaged, base_folder, mean_of, read_weights
from train_router import Words, standard


def figures(scores, groups):
    """P@1, R@5 and nDCG@10 of one request."""
    order = np.lexsort((np.arange(len(scores)), -scores))[:50]
    place = {int(tool): i for i, tool in enumerate(order)}
    first = [min(place.get(tool, 10**9) for tool in group) for group in groups]
    gain = sum(1 / math.log2(i + 2) for i in sorted(set(first)) if i < 10)
    ideal = sum(1 / math.log2(i + 2) for i in range(min(10, len({tuple(group) for group in groups}))))
    return min(first) == 0, np.mean([i < 5 for i in first]), min(1.0, gain / ideal)


def measured(encoder, one, words):
    tools = encoder.encode([texts.whole(tool) for tool in one.tools]) + encoder.encode([texts.placed(tool) for tool in one.tools])
    tools /= np.linalg.norm(tools, axis=1, keepdims=True)
    meaning = encoder.encode([request for request, _ in one.requests]) @ tools.T
    by_words = Words(one.tools)
    said = np.stack([by_words.scores(request) for request, _ in one.requests])
    fused = words * standard(said) + (1 - words) * standard(meaning)
    rows = lambda scores: [100 * float(x) for x in np.mean([figures(row, groups) for row, (_, groups) in zip(scores.astype(float), one.requests)], 0)]
    return rows(meaning) + rows(fused)


def main():
    parser = argparse.ArgumentParser(prog="evaluate.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--sets", type=pathlib.Path, required=True)
    parser.add_argument("--share", type=float, action="append", help="of the tuned weights; .5 where none is given")
    parser.add_argument("--words", type=float, default=0.3, help="share of the words in the fusion")
    parser.add_argument("--shipped", type=float, metavar="SHARE", help="also the mean of all models, with this share of it, under the name `shipped`")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    base = read_weights(base_folder() / "model.safetensors")
    _, checks, _ = data.cut_sets(asked.sets)
    checks = [one for one in checks if one.requests]
    out = {}
    print("| model | set | requests | alone P@1 / R@5 / nDCG | with words P@1 / R@5 / nDCG |\n| --- | --- | ---: | ---: | ---: |")
    tuned = [model for model in asked.models if model != "base"]
    wanted = [("base", [], 0.0)] if "base" in asked.models else []
    wanted += [(f"{pathlib.Path(model).parent.name} {share}", [model], share) for model in tuned for share in asked.share or [0.5]]
    wanted += [("shipped", tuned, asked.shipped)] if asked.shipped else []
    for name, of_runs, share in wanted:
        encoder = Encoder(averaged(base, mean_of([read_weights(model) for model in of_runs]), share) if of_runs else base)
        found = {one.name: measured(encoder, one, asked.words) for one in checks}
        found["mean"] = list(np.mean(list(found.values()), 0))
        out[name] = found
        count = {one.name: len(one.requests) for one in checks}
        for of, row in found.items():
            shown = ["{:.1f} / {:.1f} / {:.1f}".format(*part) for part in (row[:3], row[3:])]
            print(f"| {name} | {of} | {count.get(of, '')} | {shown[0]} | {shown[1]} |", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
