#!/usr/bin/env bash
# The official conformance suite, on both sides of mcporch. See README.md.
#   checks/conformance.sh [--only server|client] [--scenario NAME] [--cache DIR] BIN [REVISION…]
# Exit status 1 when something that a revision requires fails (or passes against what expected_failures.txt says), 2 for
# wrong usage or when mcporch does not start, 0 with a line `skipped: …` when the suite cannot be installed.
set -euo pipefail
command -v python3 >/dev/null || { echo "skipped: python3 is missing: the official suite"; exit 0; }
exec python3 "$(dirname "$0")/lib/conformance.py" "$@"
