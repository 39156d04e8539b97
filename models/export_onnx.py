"""The float model as an ONNX graph, in a folder that embedder.model can name: to test the way through ONNX Runtime.

    python models/export_onnx.py FOLDER [--tuned RUN... [--share S]]

Of the base, or as pack.py does of the mean of runs of the training. Writes model.onnx (output last_hidden_state; the reader takes the mean) and the tokenizer's files. Built node by node,
so that neither torch nor a network is needed.
"""

import argparse
import json
import pathlib
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pack import HEADS, HIDDEN, LAYERS, TOKENS_MAX, averaged, model_folder, read_tensors


class Graph:
    def __init__(self, tensors):
        self.tensors = tensors
        self.nodes, self.constants = [], {}

    def constant(self, name, array):
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def number(self, value):
        return self.constant(f"number {value}", np.array(value, np.float32))

    def integers(self, *values):
        return self.constant(f"integers {values}", np.array(values, np.int64))

    def weight(self, name):
        return self.constant(name, self.tensors[name].astype(np.float32))

    def node(self, kind, *inputs, output=None, **attributes):
        output = output or f"{kind} {len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def linear(self, x, name):
        weight = self.constant(f"{name} transposed", self.tensors[f"{name}.weight"].astype(np.float32).T)
        return self.node("Add", self.node("MatMul", x, weight), self.weight(f"{name}.bias"))

    def norm(self, x, name):
        centred = self.node("Sub", x, self.node("ReduceMean", x, axes=[-1], keepdims=1))
        variance = self.node("ReduceMean", self.node("Mul", centred, centred), axes=[-1], keepdims=1)
        root = self.node("Sqrt", self.node("Add", variance, self.number(1e-12)))
        scaled = self.node("Mul", self.node("Div", centred, root), self.weight(f"{name}.weight"))
        return self.node("Add", scaled, self.weight(f"{name}.bias"))

    def gelu(self, x):
        erf = self.node("Erf", self.node("Div", x, self.number(2**0.5)))
        return self.node("Mul", self.node("Mul", x, self.node("Add", erf, self.number(1.0))), self.number(0.5))

    def heads(self, x, name, order):
        split = self.node("Reshape", self.linear(x, name), self.integers(0, 0, HEADS, HIDDEN // HEADS))
        return self.node("Transpose", split, perm=order)

    def attend(self, x, mask, name):
        query = self.heads(x, f"{name}.query", [0, 2, 1, 3])
        key = self.heads(x, f"{name}.key", [0, 2, 3, 1])
        value = self.heads(x, f"{name}.value", [0, 2, 1, 3])
        scores = self.node("Div", self.node("MatMul", query, key), self.number((HIDDEN / HEADS) ** 0.5))
        weights = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", weights, value), perm=[0, 2, 1, 3])
        return self.node("Reshape", mixed, self.integers(0, 0, HIDDEN))


def build(tensors):
    g = Graph(tensors)
    words = g.node("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids", axis=0)
    length = g.node("Slice", g.node("Shape", "input_ids"), g.integers(1), g.integers(2), g.integers(0))
    places = tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
    places = g.constant("positions", places.astype(np.float32))
    x = g.node("Add", words, g.node("Slice", places, g.integers(0), length, g.integers(0)))
    x = g.norm(x, "embeddings.LayerNorm")
    # 0 where a token is, very negative where padding is: batch, 1, 1, length.
    mask = g.node("Unsqueeze", g.node("Cast", "attention_mask", to=TensorProto.FLOAT), g.integers(1, 2))
    mask = g.node("Mul", g.node("Sub", g.number(1.0), mask), g.number(-1e9))
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        mixed = g.linear(g.attend(x, mask, name + "attention.self"), name + "attention.output.dense")
        x = g.norm(g.node("Add", x, mixed), name + "attention.output.LayerNorm")
        wide = g.gelu(g.linear(x, name + "intermediate.dense"))
        x = g.norm(g.node("Add", x, g.linear(wide, name + "output.dense")), name + "output.LayerNorm")
    g.node("Identity", x, output="last_hidden_state")

    shape = ["batch", "length"]
    inputs = [helper.make_tensor_value_info(i, TensorProto.INT64, shape) for i in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, HIDDEN])]
    graph = helper.make_graph(g.nodes, "all-minilm-l6-v2", inputs, outputs, list(g.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tuned", type=pathlib.Path, nargs="+", metavar="RUN")
    parser.add_argument("--share", type=float, default=0.85)
    asked = parser.parse_args()
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(build(averaged(asked.tuned, asked.share) if asked.tuned else read_tensors()), str(folder / "model.onnx"))
    for name in ("tokenizer.json", "config.json", "special_tokens_map.json"):
        shutil.copyfile(model_folder() / name, folder / name)
    config = json.loads((model_folder() / "tokenizer_config.json").read_text())
    config["model_max_length"] = TOKENS_MAX
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    print(folder)


if __name__ == "__main__":
    main()
