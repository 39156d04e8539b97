#!/usr/bin/env bash
# End-to-end checks: official MCP clients -> mcporch -> real MCP servers that nobody here wrote. See README.md.
#   checks/real_servers.sh [--mcporch BIN] [--cache DIR]
# Needs the network only when the cache is empty. What cannot run is named by a line `skipped: …`.
# Last line: `N passed, N failed, N skipped`. Exit status 1 when something failed, 2 for wrong usage.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mcporch-checks
target=${CARGO_TARGET_DIR:-$here/../target}
mcporch=
while [ $# -gt 0 ]; do
  case $1 in
    --mcporch) mcporch=${2:?--mcporch needs a path}; shift 2 ;;
    --cache) cache=${2:?--cache needs a folder}; shift 2 ;;
    *) echo "usage: $0 [--mcporch BIN] [--cache DIR]" >&2; exit 2 ;;
  esac
done
for candidate in "$target/release/mcporch" "$target/debug/mcporch"; do
  [ -n "$mcporch" ] || { [ -x "$candidate" ] && mcporch=$candidate; }
done
[ -x "$mcporch" ] || { echo "no mcporch binary${mcporch:+ at $mcporch}: run 'cargo build --release' or give --mcporch BIN" >&2; exit 2; }
mcporch=$(cd "$(dirname "$mcporch")" && pwd -P)/$(basename "$mcporch")
{ mkdir -p "$cache" && cache=$(cd "$cache" && pwd -P); } || { echo "the cache $cache cannot be made: give another with --cache" >&2; exit 2; }

client_seconds_max=300 # A client makes about 20 calls; the inspector starts a process for each.
exit_seconds_max=5     # A client closes our stdin, and is patient for two seconds; our children get about as long.

work=$(mktemp -d) && work=$(cd "$work" && pwd -P)
passed=0 failed=0 skipped=0 web_pid='' client_pid=''
# shellcheck source=checks/lib/report.sh
. "$here/lib/report.sh"
# shellcheck source=checks/lib/install.sh
. "$here/lib/install.sh"
# shellcheck source=checks/lib/processes.sh
. "$here/lib/processes.sh"

finish() {
  [ -z "$client_pid" ] || kill "$client_pid" 2>/dev/null
  [ -z "$web_pid" ] || kill "$web_pid" 2>/dev/null
  if [ "$failed" -eq 0 ]; then rm -rf "$work"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- What there is to check with -------------------------------------------------------------------------------------

install_all
# From here on nothing reads or writes the home of whoever runs this.
export HOME=$work/home MCPORCH_HOME=$work/mcporch
mkdir -p "$HOME" "$work/clients" "$work/files" "$work/web"
cp "$here"/clients/*.mjs "$here"/clients/*.py "$work/clients/"
[ -z "$have_node" ] || ln -s "$unit_node/node_modules" "$work/clients/node_modules" # Modules are looked up from there.

# --- A small world with known contents -------------------------------------------------------------------------------

make_repository() {
  local git=(git -C "$work/repo" -c user.name=Checks -c user.email=checks@example.org -c commit.gpgsign=false)
  mkdir "$work/repo" && "${git[@]}" init -q || return
  local message
  for message in "plant the cloudberries" "water the cloudberries"; do
    echo "$message" >>"$work/repo/diary.txt"
    "${git[@]}" add diary.txt && "${git[@]}" commit -q -m "$message" || return
  done
}

# Serves one page on loopback, at a port that the system picks; sets `page`.
serve_page() {
  echo "The cloudberry harvest weighs 1742 grams." >"$work/web/page.txt"
  python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$work/web" >"$work/web.out" 2>>"$work/web.log" &
  web_pid=$!
  local tries port
  for ((tries = 0; tries < 100; tries++)); do
    port=$(sed -n 's/.* port \([0-9][0-9]*\) .*/\1/p' "$work/web.out")
    [ -z "$port" ] || { page=http://127.0.0.1:$port/page.txt; return 0; }
    sleep 0.1
  done
  return 1
}

servers=() requests=() tools_expected=()
# server NAME COMMAND ARGS_JSON [ENV_JSON] TOOL: an entry of the registry, and a tool that must be listed for it.
server() {
  servers+=("$(json "$1"): {\"command\": $(json "$2"), \"args\": $3, \"env\": ${4:-{\}}}")
  tools_expected+=("$1 $5")
}
# request WORDS PARAMS_JSON SERVER.TOOL REGEX: done when the result of the child matches REGEX.
request() { requests+=("{\"say\": $(json "$1"), \"params\": $2, \"tool\": $(json "$3"), \"expect\": $(json "$4")}"); }

lacking='' mentions=''
if [ -n "$have_node" ]; then
  echo "twelve kilos" >"$work/files/berries.txt"
  bin=$unit_node/node_modules/.bin
  server everything "$bin/mcp-server-everything" '["stdio"]' '' echo
  server filesystem "$bin/mcp-server-filesystem" "[$(json "$work/files")]" '' list_directory
  server memory "$bin/mcp-server-memory" '[]' "{\"MEMORY_FILE_PATH\": $(json "$work/memory.jsonl")}" create_entities
  server sequential-thinking "$bin/mcp-server-sequential-thinking" '[]' '' sequentialthinking
  request "list the files in this folder" "{\"path\": $(json "$work/files")}" filesystem.list_directory 'berries\.txt'
  request "remember that Anna likes tea" \
    '{"entities": [{"name": "Anna", "entityType": "person", "observations": ["likes tea"]}]}' memory.create_entities Anna
  request "think through this step by step" \
    '{"thought": "Count the berries.", "nextThoughtNeeded": false, "thoughtNumber": 1, "totalThoughts": 1}' \
    sequential-thinking.sequentialthinking thoughtNumber
  request "echo this message back" '{"message": "cloudberry"}' everything.echo cloudberry
  lacking="list the files in this folder"
  mentions='["find_tool", {"query": "list the files in this folder"}, "list_directory"],
    ["list_capabilities", {}, "filesystem"],
    ["explain_tool", {"server": "filesystem", "tool": "list_directory"}, "path"]'
fi
if [ -n "$have_python2" ]; then
  bin=$unit_python2/bin
  server time "$bin/mcp-server-time" '[]' '' get_current_time
  request "what time is it in Tokyo" '{"timezone": "Asia/Tokyo"}' time.get_current_time Asia/Tokyo
  lacking="what time is it in Tokyo"
  mentions='["find_tool", {"query": "what time is it in Tokyo"}, "get_current_time"],
    ["list_capabilities", {}, "time"], ["explain_tool", {"server": "time", "tool": "get_current_time"}, "timezone"]'
  if make_repository 2>"$work/git.log"; then
    server git "$bin/mcp-server-git" "[\"--repository\", $(json "$work/repo")]" '' git_log
    request "show the commit history" "{\"repo_path\": $(json "$work/repo")}" git.git_log \
      'water the cloudberries[\s\S]*plant the cloudberries'
  else
    skip "git server: no repository could be made: $(tail -n 1 "$work/git.log")"
  fi
  if serve_page; then
    # It refuses addresses that are not public unless told; ours is the one page on loopback.
    server fetch "$bin/mcp-server-fetch" '["--allow-private-ips"]' '' fetch
    request "download this web page" "{\"url\": $(json "$page")}" fetch.fetch 'harvest weighs 1742'
  else
    skip "fetch server: no page could be served on loopback"
  fi
fi
if [ -n "$have_python1" ]; then
  bin=$unit_python1/bin
  server sqlite "$bin/mcp-server-sqlite" "[\"--db-path\", $(json "$work/test.db")]" '' read_query
  server calculator "$bin/mcp-server-calculator" '[]' '' calculate
  request "run a SQL query" '{"query": "select 40 + 2 as answer"}' sqlite.read_query '\b42\b'
  request "what is 12 times 7" '{"expression": "12*7"}' calculator.calculate '\b84\b'
fi
if [ ${#servers[@]} -eq 0 ]; then
  skip "everything: no server could be installed"
  summary
  exit 0
fi

registry=$work/registry.json
printf '{"mcpServers": {\n  %s\n}}\n' "$(join $',\n  ' "${servers[@]}")" >"$registry"
words_min=$((${#requests[@]} * 2 / 3)) # Six of nine; fewer where servers are missing.

none_left() {
  local left
  left=$(left_over "$work/seen" "$exit_seconds_max")
  expect "no process is left${left:+: $left}" [ -z "$left" ]
}

# --- mcporch by itself -----------------------------------------------------------------------------------------------

section "mcporch ($("$mcporch" --version 2>/dev/null || basename "$mcporch")), ${#servers[@]} servers"
started=$SECONDS
"$mcporch" --registry "$registry" index rebuild >"$work/rebuild.out" 2>&1 &
client_pid=$!
follow "$client_pid" "$client_seconds_max" "$work/seen"
if wait "$client_pid"; then
  verdict ok "index rebuild" "$((SECONDS - started)) s"
else
  verdict FAIL "index rebuild" "exit status $?: $(tail -n 3 "$work/rebuild.out")"
fi
client_pid=''
none_left
"$mcporch" --registry "$registry" tools >"$work/tools.out" 2>"$work/tools.err"
for entry in "${tools_expected[@]}"; do
  name=${entry% *} tool=${entry#* }
  if ! grep -qwF -- "$name" "$work/rebuild.out"; then
    verdict FAIL "server $name" "is not in what index rebuild printed"
  elif ! grep -qwF -- "$tool" "$work/tools.out"; then
    verdict FAIL "server $name" "its tool $tool is not in what tools printed"
  else
    verdict ok "server $name" ""
  fi
done

# --- Every client in every era ---------------------------------------------------------------------------------------

# client NAME ERA VERSION_REGEX COMMAND…: runs one client to its end, takes over its verdicts, looks at the world and at
# what is left of its processes.
client() {
  local name="$1, $2" era=$2 version=$3
  shift 3
  local job out=$work/client.out err=$work/client.err status
  job="{\"era\": $(json "$era"), \"version\": $(json "$version"), \"words_min\": $words_min,
    \"tools\": [\"find_tool\", \"execute\", \"list_capabilities\", \"explain_tool\", \"fetch_result\"],
    \"lacking\": $(json "$lacking"), \"mentions\": [$mentions], \"requests\": [$(join , "${requests[@]}")]}"
  section "$name"
  rm -f "$work/memory.jsonl"
  : >"$work/web.log"
  "$@" "$job" env "MCPORCH_HOME=$MCPORCH_HOME" "$mcporch" --standalone --registry "$registry" >"$out" 2>"$err" &
  client_pid=$!
  follow "$client_pid" "$client_seconds_max" "$work/seen"
  wait "$client_pid"
  status=$?
  client_pid=''
  take_over "$out"
  # 1 is a client's own way to say that a check failed.
  if [ "$status" -gt 1 ] || { [ "$status" -eq 1 ] && [ "$current_failed" -eq 0 ]; }; then
    verdict FAIL "client" "exit status $status: $(tail -n 3 "$err")"
  fi
  if [ -n "$have_node" ]; then
    expect "memory was written" grep -qs Anna "$work/memory.jsonl"
  fi
  if [ -n "$web_pid" ]; then
    expect "page was fetched" grep -qs "GET /page.txt" "$work/web.log"
  fi
  none_left
  if [ "$current_failed" -gt 0 ] && [ -s "$err" ]; then
    echo "  its stderr ends with:"
    tail -n 8 "$err" | cut -c1-300 | sed 's/^/    /'
  fi
}

legacy='^202[45]-' modern='^2026-07-28$'
if [ -n "$have_node" ]; then
  client "TypeScript SDK 1.x" legacy "$legacy" node "$work/clients/ts_v1.mjs"
  client "TypeScript SDK 2.x" legacy "$legacy" node "$work/clients/ts_v2.mjs"
  client "TypeScript SDK 2.x" auto "$modern" node "$work/clients/ts_v2.mjs"
  client "TypeScript SDK 2.x" 2026-07-28 "$modern" node "$work/clients/ts_v2.mjs"
fi
if [ -n "$have_python1" ]; then
  client "Python SDK 1.x" legacy "$legacy" "$unit_python1/bin/python" "$work/clients/python_mcp.py"
fi
if [ -n "$have_python2" ]; then
  client "Python SDK 2.x" legacy "$legacy" "$unit_python2/bin/python" "$work/clients/python_mcp.py"
  client "Python SDK 2.x" auto "$modern" "$unit_python2/bin/python" "$work/clients/python_mcp.py"
  client "Python SDK 2.x" 2026-07-28 "$modern" "$unit_python2/bin/python" "$work/clients/python_mcp.py"
fi
if [ -n "$have_fastmcp" ]; then
  client "FastMCP" auto "$modern" "$unit_fastmcp/bin/python" "$work/clients/fastmcp_client.py"
fi
if [ -n "$node_inspector" ]; then
  client "inspector CLI" legacy "$legacy" "$node_inspector" "$work/clients/inspector.mjs"
  client "inspector CLI" auto "$modern" "$node_inspector" "$work/clients/inspector.mjs"
  client "inspector CLI" modern "$modern" "$node_inspector" "$work/clients/inspector.mjs"
fi

summary
[ "$failed" -eq 0 ] || { echo "what was written is kept in $work" >&2; exit 1; }
