#!/usr/bin/env bash
# Teaches the encoder once for each seed with a third of each set held back, and says how well it does there.
#   train.sh SETS TOOLS OUT [SEED…]
# SETS: folder of sets with the catalogue; TOOLS: folder of tools/list answers; OUT: where everything goes, the environment of Python too.
# Seeds are 1 2 3 where none is given. STEPS=N for another length.
set -euo pipefail
[ $# -ge 3 ] || { grep '^#  ' "$0" | cut -c5- >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd -P)
sets=$1 tools=$2 out=$3
shift 3
[ $# -gt 0 ] || set -- 1 2 3
mkdir -p "$out"
if [ ! -e "$out/venv/ready" ]; then
    python3 -m venv "$out/venv"
    "$out/venv/bin/pip" install --quiet --no-deps -r "$here/../requirements.txt"
    "$out/venv/bin/pip" install --quiet -r "$here/requirements.txt"
    touch "$out/venv/ready"
fi
python=$out/venv/bin/python
models=()
for seed in "$@"; do
    "$python" "$here/train_router.py" --sets "$sets" --tools "$tools" --out "$out/seed-$seed" --seed "$seed" --steps "${STEPS:-600}"
    models+=("$out/seed-$seed/tuned.safetensors")
done
"$python" "$here/evaluate.py" --sets "$sets" --share 0.35 --share 0.5 --share 0.7 --json "$out/figures.json" base "${models[@]}"
