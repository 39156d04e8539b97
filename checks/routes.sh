#!/usr/bin/env bash
# Routes our own requests (tests/data/routes) over 22 public servers and says how many reach the right tool.
#   checks/routes.sh --registry FILE [--mcporch BIN]     over the servers of a registry that has these 22
#   checks/routes.sh --tools FOLDER [--mcporch BIN]      over their tool lists (probe-NAME.tools.json), served by demo servers
# docs/routing.md has the figures; here are only floors a little below them, so that a change that breaks routing is seen.
# Exit status 1 when a file falls below its floor or cannot be routed at all, 2 for wrong usage.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
target=${CARGO_TARGET_DIR:-$here/../target}
mcporch='' registry='' tools=''
usage="usage: $0 --registry FILE | --tools FOLDER [--mcporch BIN]"
while [ $# -gt 0 ]; do
  case $1 in
    --registry) registry=${2:?--registry needs a file}; shift 2 ;;
    --tools) tools=${2:?--tools needs a folder}; shift 2 ;;
    --mcporch) mcporch=${2:?--mcporch needs a path}; shift 2 ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
done
[ -n "$registry$tools" ] || { echo "$usage" >&2; exit 2; }
for candidate in "$target/release/mcporch" "$target/debug/mcporch"; do
  [ -n "$mcporch" ] || { [ -x "$candidate" ] && mcporch=$candidate; }
done
[ -x "$mcporch" ] || { echo "no mcporch binary: run 'cargo build --release' or give --mcporch BIN" >&2; exit 2; }
mcporch=$(cd "$(dirname "$mcporch")" && pwd -P)/$(basename "$mcporch")

work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
export MCPORCH_HOME=$work/home
if [ -z "$registry" ]; then
  registry=$work/registry.json
  # A server is told by its program's name, so each demo server gets the name of the one whose tools it shows.
  python3 - "$mcporch" "$tools" "$work" >"$registry" <<'PYTHON' || exit 1
import json, os, sys
binary, tools, work = sys.argv[1:]
# Where a list is called otherwise than its server: the server's name, and its program.
SERVERS = {
    "arxiv": ("arxiv", "arxiv-mcp-server"), "atlassian": ("atlassian", "mcp-atlassian"),
    "chrome-devtools": ("chrome-devtools", "chrome-devtools-mcp"), "context7": ("context7", "context7-mcp"),
    "cyanheads-git": ("git-extended", "git-mcp-server"), "everything": ("everything", "mcp-server-everything"),
    "excel": ("excel", "excel-mcp-server"), "filesystem": ("filesystem", "mcp-server-filesystem"),
    "google-workspace": ("google-workspace", "workspace-mcp"), "kubectl": ("kubectl", "kubectl-mcp-server"),
    "memory": ("memory", "mcp-server-memory"), "mobile": ("mobile", "mcp-server-mobile"),
    "mongodb": ("mongodb", "mongodb-mcp-server"), "notion": ("notion", "notion-mcp-server"),
    "playwright": ("playwright", "playwright-mcp"), "py-calculator": ("calculator", "mcp-server-calculator"),
    "py-fetch": ("fetch", "mcp-server-fetch"), "py-git": ("git", "mcp-server-git"),
    "py-sqlite": ("sqlite", "mcp-server-sqlite"), "py-time": ("time", "mcp-server-time"),
    "sequential-thinking": ("sequential-thinking", "mcp-server-sequential-thinking"), "word": ("word", "word_mcp_server"),
}
entries = {}
for name, (server, program) in SERVERS.items():
    link = os.path.join(work, program)
    os.symlink(binary, link)
    listed = os.path.join(tools, f"probe-{name}.tools.json")
    if not os.path.exists(listed):
        sys.exit(f"{listed} is missing")
    entries[server] = {"command": link, "args": ["demo-server", "--kind", "custom", "--tools", listed]}
json.dump({"mcpServers": entries}, sys.stdout)
PYTHON
fi
"$mcporch" --registry "$registry" index rebuild 2>/dev/null | tail -n 1 || exit 1
status=0
while read -r name floor; do
  printf '\n-- %s\n' "$name"
  "$mcporch" --registry "$registry" test "$here/../tests/data/routes/$name" --min-share "$floor" || status=1
done <<'FLOORS'
real_servers.yaml 0.90
languages_english.yaml 0.92
languages.yaml 0.38
FLOORS
exit "$status"
