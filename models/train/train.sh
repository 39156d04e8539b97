#!/usr/bin/env bash
# Makes the router's encoder from nothing: teaches it once for each seed with a third of each set held back, says how well it does there,
# packs the mean, teaches two more with the other thirds held back, and fits the ranking with what each never saw.
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
share=${SHARE:-0.85}
if [ ! -e "$out/venv/ready" ]; then
    python3 -m venv "$out/venv"
    "$out/venv/bin/pip" install --quiet --no-deps -r "$project/models/requirements.txt"
    "$out/venv/bin/pip" install --quiet -r "$here/requirements.txt"
    touch "$out/venv/ready"
fi
python=$out/venv/bin/python

# teach FOLDER SEED FOLD
teach() {
    if ! grep -qs "\"steps\": \"${STEPS:-600}\"" "$1/run.json"; then
        "$python" "$here/train_router.py" --sets "$sets" --tools "$tools" --out "$1" --seed "$2" --fold "$3" --steps "${STEPS:-600}"
    fi
}
runs=()
for seed in "$@"; do
    teach "$out/seed-$seed" "$seed" 0
    runs+=("$out/seed-$seed")
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
target=${CARGO_TARGET_DIR:-$project/target}
cargo build --quiet --release --manifest-path "$project/Cargo.toml" --target-dir "$target"
eval_into() { # FEATURES HELD [more options of mcporch]
    local features=$1 held=$2
    shift 2
    rm -rf "$features"
    "$target/release/mcporch" --home "$out/home" "$@" eval --features "$features" "$held"/*/
}
"$python" "$here/data.py" "$sets" "$out/held-0"
eval_into "$out/features-0" "$out/held-0"
runtime=$(find "$out/venv" -name 'libonnxruntime.so.*' -o -name 'libonnxruntime.*.dylib' | head -n 1)
for fold in 1 2; do
    teach "$out/fold-$fold" 1 "$fold"
    "$python" "$project/models/export_onnx.py" "$out/onnx-$fold" --tuned "$out/fold-$fold" --share "$share"
    "$python" "$here/data.py" "$sets" "$out/held-$fold" "$fold" "$tools"
    eval_into "$out/features-$fold" "$out/held-$fold" --set "embedder.model=$out/onnx-$fold" --set "embedder.onnx_runtime=$runtime"
done
"$python" "$project/models/fit_router.py" "$out"/features-{0,1,2} --few --write router-v1
rm -f "$out/placeholder"
"$python" "$here/int8.py" --sets "$out/held-0" --features "$out/features-0" --share "$share" "${runs[@]}"
