# Puts servers, clients and the official suite into the cache. Sourced by real_servers.sh and lib/units.sh.
# Sets unit_NAME (a folder) and have_NAME (empty when it cannot be used) for node, python1, python2, fastmcp and suite, and
# node_inspector (a node that is new enough for the inspector and the suite, or empty).
# Reads `here` and `cache`.
# shellcheck shell=bash disable=SC2034,SC2154

node_for_inspector=22.23.3 # The inspector asks for 22.19 or newer, the suite for 22.

have_node='' have_python1='' have_python2='' have_fastmcp='' have_suite='' node_inspector=''
have_browser_kit='' have_rest_kit='' have_prometheus=''

# Finds the folder in the cache and waits for its lock; sets root, node_version and python_version (empty when missing).
begin_install() {
  node_version='' python_version=''
  if command -v node >/dev/null && command -v npm >/dev/null; then node_version=$(node -p process.versions.modules); fi
  if command -v python3 >/dev/null; then
    python_version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  fi
  # Another list of versions, and below it another node or python, gets a folder of its own.
  local stamp
  stamp=$({ cat "$here"/locks/*.txt "$here"/locks/node/*; echo "$node_for_inspector"; } | cksum)
  root=$cache/${stamp%% *}-$(uname -s)-$(uname -m)
  mkdir -p "$root" || exit 2
  echo "cache: $root"
  if command -v flock >/dev/null; then
    exec 9>"$root/lock"
    flock 9 # Two runs at once fill it one after the other.
  fi
}

install_all() {
  begin_install
  unit_node=$root/node-$node_version
  unit_python1=$root/python1-$python_version unit_python2=$root/python2-$python_version
  unit_fastmcp=$root/fastmcp-$python_version
  if [ -n "$node_version" ]; then
    unit "$unit_node" install_node "4 servers, the TypeScript clients and the inspector" && have_node=yes
    [ -z "$have_node" ] || find_node_for_inspector
  else
    skip "node or npm is missing: 4 servers, the TypeScript clients and the inspector"
  fi
  if [ -n "$python_version" ]; then
    unit "$unit_python1" install_python1 "2 servers and the Python SDK 1.x" && have_python1=yes
    unit "$unit_python2" install_python2 "3 servers and the Python SDK 2.x" && have_python2=yes
    unit "$unit_fastmcp" install_fastmcp "the FastMCP client" && have_fastmcp=yes
  else
    skip "python3 is missing: 5 servers, the Python clients and FastMCP"
  fi
  exec 9>&-
}

install_suite() {
  begin_install
  local stamp
  stamp=$(cat "$here"/locks/conformance/* | cksum)
  unit_suite=$root/conformance-${stamp%% *}
  if [ -n "$node_version" ]; then
    find_node_for_inspector
    [ -n "$node_inspector" ] && unit "$unit_suite" install_conformance "the official suite" && have_suite=yes
  else
    skip "node or npm is missing: the official suite"
  fi
  exec 9>&-
}

# What checks/dashboard.mjs, rest.py, surfaces_load.py and metrics.py need.
install_surfaces() {
  begin_install
  local stamp
  stamp=$(cat "$here"/locks/surfaces/* | cksum)
  unit_browser_kit=$root/browser_kit-${stamp%% *} unit_rest_kit=$root/rest_kit-$python_version-${stamp%% *}
  unit_prometheus=$root/prometheus
  if [ -n "$node_version" ]; then
    unit "$unit_browser_kit" install_browser_kit "what drives a browser, and axe" && have_browser_kit=yes
    find_node_for_inspector
  else
    skip "node or npm is missing: nothing can drive a browser"
  fi
  if [ -n "$python_version" ]; then
    unit "$unit_rest_kit" install_rest_kit "schemathesis, requests, websockets" && have_rest_kit=yes
  else
    skip "python3 is missing: no schemathesis"
  fi
  debian chromium chromium chromium-sandbox fonts-dejavu-core
  debian wrk wrk
  if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    have_prometheus=$(command -v prometheus)
  elif command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    unit "$unit_prometheus" install_prometheus "Prometheus" && have_prometheus=$unit_prometheus/usr/bin/prometheus
  else
    skip "prometheus is missing, and this is no Debian"
  fi
  exec 9>&-
}

# debian PROGRAM PACKAGE…: installs a program of Debian's where it is missing and that is possible.
debian() {
  local program=$1 log=$root/$1.log
  shift
  command -v "$program" >/dev/null && return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    skip "$program is missing: apt-get install $1"
    return 1
  fi
  if { fetch_debian install "$@"; } >"$log" 2>&1 9>&-; then
    echo "installed $program"
  else
    skip "$program could not be installed: $(grep -m 1 '^E:' "$log" | cut -c1-160) (more in $log)"
    return 1
  fi
}

# fetch_debian install|download PACKAGE…: with new lists of packages where those that are here no longer do.
fetch_debian() {
  local options=(-y -q --no-install-recommends)
  DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" "$@" && return 0
  apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" "$@"
}

# unit FOLDER FUNCTION WHAT: runs FUNCTION FOLDER unless it once succeeded; a half-made folder is made again.
unit() {
  local folder=$1 name=${1##*/} log=$1.log started=$SECONDS
  [ -e "$folder/complete" ] && return 0
  rm -rf "$folder" && mkdir -p "$folder" || return 1
  if (set -e; "$2" "$folder") >"$log" 2>&1 9>&-; then
    touch "$folder/complete"
    echo "installed $name in $((SECONDS - started)) s"
  else
    skip "$name could not be installed ($3): $(grep -iEm 1 "connection|npm error|error:" "$log" | cut -c1-160) (more in $log)"
    return 1
  fi
}

npm_options=(--ignore-scripts --no-audit --no-fund --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000)
install_node() { (cp "$here"/locks/node/* "$1/" && cd "$1" && npm ci "${npm_options[@]}"); }
install_conformance() { (cp "$here"/locks/conformance/* "$1/" && cd "$1" && npm ci "${npm_options[@]}"); }
install_browser_kit() { (cp "$here"/locks/surfaces/*.json "$1/" && cd "$1" && npm ci "${npm_options[@]}"); }
# Unpacked only: installed, it would be a service that starts by itself.
install_prometheus() { (cd "$1" && fetch_debian download prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb); }
install_rest_kit() { python_in "$1" surfaces/python schemathesis requests websockets; }
# python_in FOLDER LOCK PACKAGE…: the versions, also of these packages, are in the lock.
python_in() {
  local folder=$1 lock=$here/locks/$2.txt
  shift 2
  python3 -m venv "$folder" && "$folder/bin/pip" --disable-pip-version-check -q install -c "$lock" "$@"
}
install_python1() { python_in "$1" python1 mcp mcp-server-sqlite mcp-server-calculator; } # sqlite breaks with mcp 2.
install_python2() { python_in "$1" python2 mcp mcp-server-time mcp-server-git mcp-server-fetch; }
install_fastmcp() { python_in "$1" fastmcp fastmcp; }

find_node_for_inspector() {
  if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 19) ? 0 : 1)'; then
    node_inspector=$(command -v node)
  elif unit "$root/newer_node" install_newer_node "the inspector needs node 22.19"; then
    for node_inspector in "$root"/newer_node/node_modules/node-*/bin/node; do :; done
  fi
}

install_newer_node() {
  local name
  # One package for each platform; on Apple's newer machines it has another prefix.
  # shellcheck disable=SC2016  # The dollars are JavaScript's.
  name=$(node -p '(process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node") + `-${process.platform}-${process.arch}`')
  cd "$1" && echo '{"private": true}' >package.json
  npm install "${npm_options[@]}" "$name@$node_for_inspector"
}
