#!/usr/bin/env bash
# Tests the build with the feature `otlp`: spans and figures arrive at a collector, with the right names and parents, and a collector that
# is not there changes nothing. Apart from `.ci/run`, since it builds all of mcporch a second time.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --features otlp --lib -- traces:: telemetry::
cargo test --features otlp --test it -- traces::
