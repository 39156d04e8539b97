#!/usr/bin/env bash
# Whether ui/dist is what ui/ is built into: types, logic, and a build into another folder that is compared file by file.
# Packed files are compared unpacked: another Node packs the same text into other bytes.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "skipped: node and npm are not installed"
    exit 0
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'; then
    echo "skipped: the dashboard is built with Node 20.19, 22.12 or later; this is $(node --version)"
    exit 0
fi
if ! npm ci --no-audit --no-fund --loglevel=error; then
    echo "skipped: the packages that build the dashboard could not be installed"
    exit 0
fi
npm run --silent types
npm test --silent

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
npm run --silent build -- --outDir "$fresh" --emptyOutDir --logLevel warn

listed() { (cd "$1" && find . -type f | LC_ALL=C sort); }
if ! diff <(listed dist) <(listed "$fresh"); then
    echo "ui/dist has other files than ui/ is built into; run: cd ui && npm ci && npm run build, and commit ui/dist" >&2
    exit 1
fi
while read -r file; do
    case $file in
        *.gz) cmp -s <(gzip -dc "dist/$file") <(gzip -dc "$fresh/$file") ;;
        *) cmp -s "dist/$file" "$fresh/$file" ;;
    esac || {
        echo "ui/dist/${file#./} is not what ui/ is built into; run: cd ui && npm ci && npm run build, and commit ui/dist" >&2
        exit 1
    }
done < <(listed dist)
if [ -n "$(git status --porcelain package-lock.json 2>/dev/null)" ]; then
    echo "package-lock.json does not fit package.json" >&2
    exit 1
fi
echo "ui/dist is what ui/ is built into: $(listed dist | wc -l) files, $(du -sb dist | cut -f1) bytes"
