#!/usr/bin/env bash
# Installs and says what lies where, one `NAME<TAB>PATH` in a line, for the checks that are written in Python.
#   units.sh CACHE clients|suite|surfaces
# What could not be installed has no line on stdout; why it could not be is on stderr. Exit status 2 for wrong usage.
set -uo pipefail

here=$(cd "$(dirname "$0")/.." && pwd -P)
[ $# -eq 2 ] || { echo "usage: $0 CACHE clients|suite|surfaces" >&2; exit 2; }
{ mkdir -p "$1" && cache=$(cd "$1" && pwd -P); } || { echo "the cache $1 cannot be made: give another" >&2; exit 2; }
skip() { echo "skipped: $1" >&2; }
# shellcheck source=checks/lib/install.sh
. "$here/lib/install.sh"

# found NAME PATH HAVE: a line, when it is there.
found() { [ -z "$3" ] || printf '%s\t%s\n' "$1" "$2"; }

case $2 in
  clients)
    install_all >&2
    found node_modules "${unit_node:-}/node_modules" "$have_node"
    found node "$(command -v node)" "$have_node"
    found python1 "${unit_python1:-}/bin/python" "$have_python1"
    found python2 "${unit_python2:-}/bin/python" "$have_python2"
    found fastmcp "${unit_fastmcp:-}/bin/python" "$have_fastmcp"
    ;;
  suite)
    install_suite >&2
    found suite "${unit_suite:-}/node_modules/@modelcontextprotocol/conformance" "$have_suite"
    ;;
  surfaces)
    install_surfaces >&2
    found node_modules "${unit_browser_kit:-}/node_modules" "$have_browser_kit"
    found python "${unit_rest_kit:-}/bin/python" "$have_rest_kit"
    found prometheus "$have_prometheus" "$have_prometheus"
    for program in node chromium wrk; do
      path=$(command -v "$program") && found "$program" "$path" yes
    done
    ;;
  *) echo "usage: $0 CACHE clients|suite|surfaces" >&2; exit 2 ;;
esac
found newer_node "$node_inspector" "$node_inspector"
