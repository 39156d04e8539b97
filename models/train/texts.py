"""The texts that stand for a tool, as src/index/embedded_text.rs makes them, and requests made by rule from a tool's own words."""

import re

STOP = set(
    "a an the of to in on for and or with by is are be this that it from as at i me my you your can please could would want need how do does use "
    "using will into which what when if not any all via per has have was were than then".split()
)
TEMPLATES = ["{}", "{}", "{}", "can you {}", "how do I {}", "please {}", "I want to {}", "{} for me"]


def spaced(name):
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name or "")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", name)
    return re.sub(r"[_\-\.:/\s]+", " ", name).strip()


def server_words(server):
    return " ".join(word for word in spaced(server).split() if word.lower() not in ("mcp", "server"))


def first_sentence(text):
    return re.split(r"(?<=[.!?])\s|\n", text.strip(), maxsplit=1)[0][:300]


def whole(tool):
    return f"{spaced(tool['name'])}: {tool['description'].strip()}".removesuffix(": ")


def placed(tool):
    return f"{server_words(tool['server'])} {spaced(tool['name'])}: {first_sentence(tool['description'])}".strip().removesuffix(":")


def words(text):
    return [word for word in re.findall(r"[a-z0-9]+", spaced(text).lower()) if word not in STOP]


def imperative(sentence):
    """'This tool retrieves the list …' becomes 'retrieve the list …', roughly."""
    sentence = re.sub(r"^\W+|\W+$", "", sentence.strip())
    said = r"^(this (tool|function|endpoint|method)|tool|allows? (you|users?) to|used to|use this (tool )?to|a tool (to|for))\s+"
    sentence = re.sub(said, "", sentence, flags=re.I)
    first, _, rest = sentence.partition(" ")
    if re.fullmatch(r"[A-Za-z]{2,}[^s]s", first):
        verb = first.lower()
        first = verb[:-3] + "y" if verb.endswith("ies") else verb[:-2] if re.search(r"(ss|sh|ch|x)es$", verb) else verb[:-1]
    sentence = f"{first} {rest}".strip()
    return sentence[:1].lower() + sentence[1:]


def by_rule(tool, rarity, rng):
    """A request made from a tool alone, and what the tool is called then; `None` when its text gives none.

    A sentence of the description against the rest of it, or one without the words of the tool's and the server's name, or its rare words.
    """
    own = set(words(tool["name"])) | set(words(server_words(tool["server"])))
    sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+", tool["description"].strip()) if 4 <= len(part.split()) <= 40]
    if not sentences:
        return None
    without_own = lambda text: " ".join(word for word in text.split() if not set(words(word)) & own)
    draw, left = rng.random(), tool
    if draw < 0.3 and len(sentences) > 1:
        chosen = rng.choice(sentences[1:]) if rng.random() < 0.6 else sentences[0]
        left = {**tool, "description": " ".join(tool["description"].replace(chosen, " ").split())}
        request = imperative(chosen)
        request = without_own(request) if rng.random() < 0.5 else request
    elif draw < 0.65:
        parts = without_own(imperative(sentences[0] if rng.random() < 0.7 else rng.choice(sentences))).split()
        kept = [part for part in parts if rng.random() > 0.15] if len(parts) > 6 else parts
        request = rng.choice(TEMPLATES).format(" ".join(kept))
    else:
        rare = list(dict.fromkeys(word for word in words(tool["description"]) if word not in own and len(word) > 2))
        rare.sort(key=lambda word: -rarity.get(word, 9) + rng.random() * 4)
        rare = rare[: rng.randint(3, 7)]
        rng.shuffle(rare)
        request = " ".join(rare)
    return (request, left) if len(words(request)) >= 2 else None
