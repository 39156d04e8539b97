"""The float models, as the measure of the built-in encoders: reads texts (JSON strings, one a line), writes vectors.

    python models/reference.py < texts.jsonl                    one JSON array of 384 numbers a line
    python models/reference.py --pack OUT < texts.jsonl         tests/data/all-minilm-l6-v2.vectors.bin: i16, ×32767
    python models/reference.py --pack OUT --tuned RUN... --share S < texts.jsonl
                                                                tests/data/router-v1.vectors.bin, with the arguments of pack.py

Plain NumPy in double precision, over the weights and the tokenizer of the package that pack.py reads.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
from tokenizers import Tokenizer

from pack import HEADS, HIDDEN, LAYERS, TOKENS_MAX, averaged, model_folder, read_tensors


def erf(x):
    """Abramowitz and Stegun 7.1.26 (error below 1.5e-7)."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - tail * np.exp(-x * x))


class Model:
    def __init__(self, tensors):
        self.w = {name: value.astype(np.float64) for name, value in tensors.items() if value.dtype.kind == "f"}
        self.tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
        self.tokenizer.enable_truncation(TOKENS_MAX)
        self.tokenizer.no_padding()
        self.seen = None  # when a dict: the largest input of each linear layer so far, channel by channel

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * self.w[name + ".weight"] + self.w[name + ".bias"]

    def linear(self, x, name):
        if self.seen is not None:
            self.seen[name] = np.maximum(self.seen.get(name, 0), np.abs(x).max(0))
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def attend(self, x, name):
        split = lambda part: self.linear(x, f"{name}.{part}").reshape(len(x), HEADS, -1).transpose(1, 0, 2)
        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(HIDDEN // HEADS)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = scores / scores.sum(-1, keepdims=True) @ value
        return mixed.transpose(1, 0, 2).reshape(len(x), HIDDEN)

    def embed(self, text):
        ids = self.tokenizer.encode(text).ids
        e = "embeddings."
        x = self.w[e + "word_embeddings.weight"][ids] + self.w[e + "position_embeddings.weight"][: len(ids)]
        x = self.norm(x + self.w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}."
            mixed = self.linear(self.attend(x, name + "attention.self"), name + "attention.output.dense")
            x = self.norm(x + mixed, name + "attention.output.LayerNorm")
            wide = self.linear(x, name + "intermediate.dense")
            wide = wide * 0.5 * (1 + erf(wide / np.sqrt(2)))
            x = self.norm(x + self.linear(wide, name + "output.dense"), name + "output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def main():
    parser = argparse.ArgumentParser(prog="reference.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=pathlib.Path)
    parser.add_argument("--tuned", type=pathlib.Path, nargs="+")
    parser.add_argument("--share", type=float, default=0.85)
    asked = parser.parse_args()
    model = Model(averaged(asked.tuned, asked.share) if asked.tuned else read_tensors())
    vectors = np.stack([model.embed(json.loads(line)) for line in sys.stdin if line.strip()])
    if asked.pack:
        asked.pack.write_bytes(np.round(vectors * 32767).astype("<i2").tobytes())
    else:
        for vector in vectors:
            print(json.dumps([round(float(number), 7) for number in vector]))


if __name__ == "__main__":
    main()
