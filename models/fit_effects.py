#!/usr/bin/env python3
"""Fits the effect classifier of src/effects: what does a tool do to the world, by its words?

  fit_effects.py FOLDER [OUT.json]   FOLDER has one *.tools.json per server, each with a tools/list answer

Prints what each server's tools are taken for when that server was left out of the fit, and writes the coefficients fitted on
all of them. Needs numpy only. Two logistic models over the same features: is_read, on tools whose annotations say whether
they change something, and is_destructive, on those that change something and say whether they destroy.
Only words that VERBS names, or that tools of several servers have, become features; each server counts as the root of its
tools. The words are cut out exactly as src/effects/words.rs does it.
"""
import glob, json, re, sys
from collections import Counter
import numpy as np

VERBS = {
    "read": "aggregate analyse analyze ask browse calculate check compare compute count describe detect diff discover display "
            "enumerate estimate examine explain extract fetch find get identify inspect list locate log lookup measure monitor "
            "peek ping preview query read recommend report resolve retrieve return scan search show stat status suggest "
            "summarise summarize validate verify view",
    "write": "abort accept activate add allocate apply append approve archive assign attach backup block book build buy cancel "
             "change checkout click clone close commit compose configure connect copy create customize deactivate "
             "deploy disable download draft drag duplicate edit email enable evaluate execute export fill follow format "
             "forward generate grant handle hover import init initialize insert install invite invoke join launch link lock "
             "login logout make manage mark merge modify mount move navigate new notify open order patch pause pay play "
             "post press print protect publish push put reboot rebuild record register rename replace reply request "
             "reschedule reserve resize restart restore resume rotate run save schedule sell send set share sign stage "
             "start stop store submit subscribe swap switch sync tag tap terminate toggle transfer trigger type unblock "
             "unlock unsubscribe update upgrade upload upsert vote watch withdraw write",
    "destroy": "clean clear delete destroy discard drop erase kill overwrite prune purge remove reset revoke truncate "
               "uninstall unlink wipe",
}
KIND = {verb: kind for kind, verbs in VERBS.items() for verb in verbs.split()}
# In a tool's name these leave no doubt, whatever its server announces.
CLEARLY = "delete destroy drop erase purge remove uninstall wipe".split()
SENTENCE_CHARS, WORDS_MAX = 200, 40
RIDGE, NAME_SERVERS, TEXT_SERVERS, PARAMETER_SERVERS = 6.0, 2, 3, 3
READ_BAR, DESTRUCTIVE_BAR = 0.9, 0.65

def words(text):
    """Runs of letters and digits, apart at camelCase, in lower case."""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    return [word.lower() for word in re.findall(r"[^\W_]+", text)][:WORDS_MAX]

def first_sentence(text):
    line = next((line.strip() for line in text.split("\n") if line.strip()), "")[:SENTENCE_CHARS]
    return re.split(r"(?<=[.!?])\s", line)[0]

def form(word):
    """The verb behind lists, listing, listed; itself when none is known."""
    for ending, instead in (("", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ing", ""), ("ing", "e"), ("ed", ""), ("d", "")):
        if word.endswith(ending):
            verb = word[:len(word) - len(ending)] + instead
            if verb in KIND: return verb
    return word

def name_verbs(name):
    """The first verb, and those that follow it behind `and` or `or`."""
    at = next((i for i, w in enumerate(name) if w in KIND), len(name))
    joined = [w for before, w in zip(name[at + 1:], name[at + 2:]) if before in ("and", "or") and w in KIND]
    return name[at:at + 1] + joined

def name_kind(name):
    """Of the gravest of its verbs."""
    return max((KIND[verb] for verb in name_verbs(name)), key=list(VERBS).index, default="none")

def clear(name):
    return any(verb in CLEARLY for verb in name_verbs(name))

def features(tool):
    name, text = words(tool["name"]), [form(w) for w in words(first_sentence(tool.get("description") or ""))]
    parameters = list(((tool.get("inputSchema") or {}).get("properties") or {}))
    verb, lead = name_kind(name), KIND.get(text[0] if text else "", "none")
    found = {f"kind:name {verb}", f"kind:text {lead}", f"kind:both {verb} {lead}"}
    found |= {f"kind:any {KIND[w]}" for w in text if w in KIND}
    found |= {f"name:{w}" for w in name} | {f"text:{w}" for w in text}
    found |= {f"parameter:{w}" for w in [w for p in parameters for w in words(p)][:WORDS_MAX]}
    if not parameters: found.add("kind:no parameters")
    return found

def read(folder):
    tools = []
    for path in sorted(glob.glob(f"{folder}/*.tools.json")):
        listing = json.load(open(path))
        for tool in listing["tools"] if isinstance(listing, dict) else listing:
            said = tool.get("annotations") or {}
            reads, destroys = said.get("readOnlyHint"), said.get("destructiveHint")
            effect = "read" if reads else "destructive" if destroys else "write" if destroys is False else "changes" if reads is False else None
            if effect: tools.append((path.split("/")[-1].removesuffix(".tools.json"), tool, effect))
    return tools

def vocabulary(rows):
    servers = {}
    for server, found, _ in rows:
        for f in found: servers.setdefault(f, set()).add(server)
    need = {"name": NAME_SERVERS, "text": TEXT_SERVERS, "parameter": PARAMETER_SERVERS}
    return sorted(f for f, s in servers.items() if len(s) >= need.get(f.split(":")[0], 1) and not re.search(r":\d+$", f))

def fit(x, y, w, ridge):
    """Newton steps on the weighted logistic loss; the constant is not held back."""
    z = np.c_[x, np.ones(len(x))]; b = np.zeros(z.shape[1]); keep = np.r_[np.full(x.shape[1], ridge), 1e-6]
    for _ in range(50):
        p = 1 / (1 + np.exp(-z @ b))
        step = np.linalg.solve((z * (w * p * (1 - p))[:, None]).T @ z + np.diag(keep), z.T @ (w * (p - y)) + keep * b)
        b -= step
        if abs(step).max() < 1e-9: break
    return b

def train(rows, ridge=RIDGE):
    vocab = vocabulary(rows); place = {f: i for i, f in enumerate(vocab)}
    x = np.zeros((len(rows), len(vocab)))
    for i, (_, found, _) in enumerate(rows):
        for f in found:
            if f in place: x[i, place[f]] = 1
    count = Counter(server for server, _, _ in rows)
    w = np.array([count[s] ** -0.5 for s, _, _ in rows]); effects = np.array([e for _, _, e in rows])
    both = []
    for sure, yes in ((effects != "", effects == "read"), ((effects == "destructive") | (effects == "write"), effects == "destructive")):
        weight = w[sure] * sure.sum() / w[sure].sum()
        both.append(fit(x[sure], yes[sure].astype(float), weight, ridge))
    return place, both

def predict(model, found):
    place, both = model
    return [1 / (1 + np.exp(-(b[-1] + sum(b[place[f]] for f in found if f in place)))) for b in both]

def left_out(rows, **options):
    out = []
    for server in sorted({s for s, _, _ in rows}):
        model = train([r for r in rows if r[0] != server], **options)
        out += [(server, i, predict(model, r[1])) for i, r in enumerate(rows) if r[0] == server]
    return out

CHANGING = {"kind:name write", "kind:name destroy", "kind:any write", "kind:any destroy"}

def report(rows, tools):
    out = left_out(rows)
    read, destroys = (np.array([p[k] for _, _, p in out]) for k in (0, 1))
    true = np.array([rows[i][2] for _, i, _ in out]); names = [f"{s}.{tools[i][1]['name']}" for s, i, _ in out]
    # Words without a verb that changes anything say nothing of destroying, only that most tools which say so little do not read.
    destroys = np.where([bool(CHANGING & rows[i][1]) for _, i, _ in out], destroys, 0)
    # What does not read may destroy: both must be so for a tool that announces nothing.
    destroys_after_all = (1 - read) * destroys
    guess = np.where(read >= READ_BAR, "read", np.where(destroys_after_all >= DESTRUCTIVE_BAR, "destructive", "write"))
    guess[[clear(words(tools[i][1]["name"])) for _, i, _ in out]] = "destructive"
    print(f"{len(rows)} tools, {len({s for s, _, _ in rows})} servers, {len(vocabulary(rows))} features; each server left out once")
    print("announced \\ guessed     read    write  destructive")
    for effect in ("read", "write", "changes", "destructive"):
        print(f"{effect:18}" + "".join(f"{((true == effect) & (guess == g)).sum():9}" for g in ("read", "write", "destructive")))
    for bar in (.5, .7, .8, .85, .9, .93, .95):
        above, reads = read >= bar, true == "read"
        print(f"bar of read {bar:.2f}: {above.sum()} guessed to read, {(above & ~reads).sum()} of them announced otherwise, {100 * (above & reads).sum() / reads.sum():.0f} % of the reads")
    for bar in (.4, .5, .6, .7, .8):
        share = lambda effect, p: f"{((p >= bar) & (true == effect)).sum()} of {(true == effect).sum()}"
        print(f"bar of destructive {bar:.2f}, nothing announced: {share('destructive', destroys_after_all)} destructive, {share('write', destroys_after_all)} "
              f"writes, {share('read', destroys_after_all)} reads; announced to change something: {share('destructive', destroys)} destructive, {share('write', destroys)} writes")
    print("guessed to destroy, announced to read:", ", ".join(n for n, g, t in zip(names, guess, true) if t == "read" and g == "destructive"))
    print("guessed to read, announced otherwise:", ", ".join(f"{n} ({p:.2f})" for n, p, t in sorted(zip(names, read, true), key=lambda r: -r[1]) if t != "read" and p >= .8))

def write(rows, path):
    place, both = train(rows); servers = len({s for s, _, _ in rows})
    data = {"about": f"Coefficients of models/fit_effects.py on the announced annotations of {len(rows)} tools of {servers} public MCP servers: "
                     "for each feature what it adds to the log odds that a tool only reads, and that one which changes something destroys.",
            "verbs": {kind: verbs.split() for kind, verbs in VERBS.items()}, "clearly_destructive": CLEARLY,
            "bars": {"read": READ_BAR, "destructive": DESTRUCTIVE_BAR}, "constant": [round(float(b[-1]), 3) for b in both]}
    for f, i in place.items():
        field, word = f.split(":"); values = [round(float(b[i]), 2) for b in both]
        if max(map(abs, values)) >= .05: data.setdefault(field, {})[word] = values
    text = json.dumps(data, indent=1)
    text = re.sub(r"\[\s+(-?[\d.]+),\s+(-?[\d.]+)\s+\]", r"[\1, \2]", text)
    text = re.sub(r'\[\s+("[^\]]*")\s+\]', lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)
    open(path, "w").write(text + "\n")

def main():
    tools = read(sys.argv[1]); rows = [(server, features(tool), effect) for server, tool, effect in tools]
    report(rows, tools)
    if len(sys.argv) > 2: write(rows, sys.argv[2])

if __name__ == "__main__": main()
