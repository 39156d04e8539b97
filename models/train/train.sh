#!/usr/bin/env bash
# Makes the router's encoder from nothing: teaches it once for each seed with a third of each set held back, says how well it does there,
# packs the mean, and fits the ranking with what was held back.
#   train.sh SETS TOOLS OUT [SEED…]
# SETS: folder of sets with the catalogue; TOOLS: folder of tools/list answers; OUT: where everything else goes, the environment of Python too.
# Seeds are 1 2 3 where none is given. STEPS=N for another length, SHARE=S for another share of what was learned. A seed that is there is kept.
# Writes models/router-v1.*, and the vectors that the tests compare with.
set -euo pipefail
[ $# -ge 3 ] || { grep '^#  ' "$0" | cut -c5- >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd -P)
project=$(cd "$here/../.." && pwd -P)
mkdir -p "$3"
sets=$(cd "$1" && pwd -P) tools=$(cd "$2" && pwd -P) out=$(cd "$3" && pwd -P)
shift 3
[ $# -gt 0 ] || set -- 1 2 3
share=${SHARE:-0.7}
if [ ! -e "$out/venv/ready" ]; then
    python3 -m venv "$out/venv"
    "$out/venv/bin/pip" install --quiet --no-deps -r "$project/models/requirements.txt"
    "$out/venv/bin/pip" install --quiet -r "$here/requirements.txt"
    touch "$out/venv/ready"
fi
python=$out/venv/bin/python
runs=()
for seed in "$@"; do
    run=$out/seed-$seed
    if ! grep -qs "\"steps\": \"${STEPS:-600}\"" "$run/run.json"; then
        "$python" "$here/train_router.py" --sets "$sets" --tools "$tools" --out "$run" --seed "$seed" --steps "${STEPS:-600}"
    fi
    runs+=("$run")
done
"$python" "$here/evaluate.py" --sets "$sets" --share "$share" --shipped "$share" --json "$out/figures.json" base "${runs[@]/%//tuned.safetensors}"

"$python" "$project/models/pack.py" --tuned "${runs[@]}" --share "$share" --figures "$out/figures.json"
"$python" "$project/models/reference.py" --tuned "${runs[@]}" --share "$share" --pack "$project/tests/data/router-v1.vectors.bin" \
    < "$project/tests/data/tool_texts.jsonl"

# The ranking is fitted with vectors of the program itself. A model that has no numbers yet is compiled with the base's.
trap '[ ! -e "$out/placeholder" ] || rm -f "$project/models/router-v1.ranking.json" "$out/placeholder"' EXIT
if [ ! -e "$project/models/router-v1.ranking.json" ]; then
    touch "$out/placeholder"
    "$python" - "$project/models" <<'END'
import json, sys
numbers = json.load(open(f"{sys.argv[1]}/all-minilm-l6-v2.ranking.json"))
numbers |= {"model": "builtin/router-v1", "shift": None, "weights": numbers["weights"] | {"shift": 0.0}}
json.dump(numbers, open(f"{sys.argv[1]}/router-v1.ranking.json", "w"))
END
fi
cargo build --quiet --release --manifest-path "$project/Cargo.toml" --target-dir "${CARGO_TARGET_DIR:-$project/target}"
"$python" "$here/data.py" "$sets" "$out/held"
features=$out/features
rm -rf "$features"
"${CARGO_TARGET_DIR:-$project/target}/release/mcporch" --home "$out/home" eval --features "$features" "$out"/held/*/
"$python" "$project/models/fit_router.py" "$features" --few --write router-v1
rm -f "$out/placeholder"
"$python" "$here/int8.py" --sets "$out/held" --features "$features" --share "$share" "${runs[@]}"
