#!/usr/bin/env python3
"""What 8-bit integers cost: vectors of the program against those of the float model, for all texts of sets and for what they find.

  int8.py --sets HELD --features FOLDER --share S RUN…

HELD is what `data.py SETS HELD` wrote, FOLDER what `mcporch eval --features FOLDER HELD/*` wrote with the packed mean of these runs.
"""

import argparse
import pathlib

import numpy as np

import data
import texts
from encoder import Encoder, averaged, base_folder, mean_of, read_weights
from evaluate import figures
from train_router import Words, standard

WORDS = 0.3


def main():
    parser = argparse.ArgumentParser(prog="int8.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=pathlib.Path)
    parser.add_argument("--sets", type=pathlib.Path, required=True)
    parser.add_argument("--features", type=pathlib.Path, required=True)
    parser.add_argument("--share", type=float, required=True)
    asked = parser.parse_args()
    base = read_weights(base_folder() / "model.safetensors")
    encoder = Encoder(averaged(base, mean_of([read_weights(run / "tuned.safetensors") for run in asked.runs]), asked.share))
    print("| set | texts | cosine, mean | cosine, least | P@1 float | P@1 int8 |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    alike, found = [], []
    for name in data.set_names(asked.sets):
        one = data.Set(name, data.read_lines(asked.sets / name / "tools.jsonl"), data.read_lines(asked.sets / name / "queries.jsonl"))
        packed = [np.fromfile(asked.features / f"{name}.{what}.f32", np.float32).reshape(-1, 384) for what in ("requests", "tools")]
        tools = encoder.encode([texts.whole(tool) for tool in one.tools]) + encoder.encode([texts.placed(tool) for tool in one.tools])
        floats = [encoder.encode([request for request, _ in one.requests]), tools / 2]
        if [len(these) for these in packed] != [len(these) for these in floats]:
            raise SystemExit(f"{name}: the features are of other texts")
        unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)
        cosines = np.concatenate([(unit(a) * unit(b)).sum(1) for a, b in zip(packed, floats)])
        by_words = Words(one.tools)
        said = standard(np.stack([by_words.scores(request) for request, _ in one.requests]))
        first = []
        for requests, of_tools in (floats, packed):
            fused = WORDS * said + (1 - WORDS) * standard(requests @ of_tools.T)
            first.append(100 * np.mean([figures(row, groups)[0] for row, (_, groups) in zip(fused.astype(float), one.requests)]))
        alike.append(cosines)
        found.append(first)
        print(f"| {name} | {len(cosines)} | {cosines.mean():.4f} | {cosines.min():.4f} | {first[0]:.1f} | {first[1]:.1f} |", flush=True)
    alike, mean = np.concatenate(alike), np.mean(found, 0)
    print(f"| all | {len(alike)} | {alike.mean():.4f} | {alike.min():.4f} | {mean[0]:.1f} | {mean[1]:.1f} |")


if __name__ == "__main__":
    main()
