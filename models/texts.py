"""Tool-like texts of our own, the same on every machine: to set the steps of the integers (pack.py) and to test them.

    python models/texts.py > tests/data/tool_texts.jsonl        the 200 texts of the test
"""

import json

VERBS = """create update delete list search fetch convert resize translate summarise schedule send archive deploy restart
validate merge export import compress encrypt transcribe render classify subscribe estimate book cancel refund tag mirror
inspect benchmark annotate""".split()
OBJECTS = """invoice|calendar event|git branch|pull request|SQL table|spreadsheet row|vector logo|customer record|weather
report|flight|hotel room|shopping cart|support ticket|container image|DNS record|web page|screenshot|PDF file|audio clip|
time zone|unit of length|exchange rate|stock quote|playlist|recipe|workout plan|note|reminder|contact|mailing list|chat
channel|payment link|feature flag|log stream|dashboard|map tile|route|parcel|sensor reading|light bulb|3D model|proof|
molecule|gene sequence|tax form|contract clause|job posting|quiz|dictionary entry|regular expression""".replace("\n", " ").split("|")
WHERE = """in the workspace|for a given user|by its identifier|on the staging cluster|from the last seven days|of the current
project|within 5 km of a point|matching a pattern|across all regions|in the user's mailbox|behind the load balancer|on a
remote host over SSH|in Markdown|with full-text search|for the 2026 fiscal year|under /var/log|at 10:30 Europe/Berlin
""".replace("\n", " ").split("|")
DETAILS = """Returns the identifier of the new entry and a link to it.|Use this when the user asks what changed, not why.|
Does nothing if the entry exists already.|Requires the scope `files:write`.|The answer is JSON: {"id": 17, "state": "done"}.|
Dates are ISO 8601, for example 2026-11-21T08:00:00Z.|Amounts are in cents; currencies are three letters (EUR, USD, JPY).|
WARNING: this cannot be undone!|Pages hold at most 100 entries; pass `cursor` to go on.|Rate limit: 60 requests/minute.|
If `dry_run` is true, only reports what would be done.|Accepts PNG, JPEG, SVG and WebP up to 20 MB.|Slow: may take minutes.|
Prefer the other tool for single values.|Works offline.|Größe und Länge werden in Metern angegeben.|Renvoie une erreur si
l'élément n'existe pas.|El usuario debe confirmar antes.|東京の天気を調べる。|Args: query (string), limit (integer, default 10), order
("asc" | "desc").|Example: `--filter 'status=open AND owner=me'`.|See also the section on retries.|🚀 Fast path for hot caches.|
Coordinates are latitude, longitude in degrees (WGS 84).|Supports wildcards * and ?.|Errors: 404 not found, 409 conflict, 429
too many requests.|Only for administrators.|Prints the table to the terminal with aligned columns.|x^2 + y^2 = r^2""".replace(
    "\n", " ").split("|")
ALONE = ["hello", "?", "a", "", "UPPER CASE ONLY", "snake_case_name", "camelCaseName", "12345", "what time is it in Tokyo",
         "make a logo for my coffee shop", "café naïve Ångström", "你好，世界", "🙂🙂🙂", "foo\tbar\nbaz", "a" * 120]


class Dice:
    """Knuth's MMIX generator, so that the texts do not depend on a library's version."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit

    def pick(self, choices):
        return choices[self.below(len(choices))].strip()


def make(count, seed):
    dice = Dice(seed)
    texts = list(ALONE)
    while len(texts) < count:
        verb, thing = dice.pick(VERBS), dice.pick(OBJECTS)
        # Mostly a sentence or three; every twelfth text is long, up to several times what the model reads.
        details = dice.below(4) if dice.below(12) else 8 + dice.below(50)
        sentences = [f"{verb} {thing}: {verb.capitalize()}s a {thing} {dice.pick(WHERE)}."]
        sentences += [dice.pick(DETAILS) for _ in range(details)]
        texts.append(" ".join(sentences))
    return texts[:count]


TEST_TEXTS = (200, 2)
CALIBRATION_TEXTS = (300, 1)

if __name__ == "__main__":
    for text in make(*TEST_TEXTS):
        print(json.dumps(text, ensure_ascii=False))
