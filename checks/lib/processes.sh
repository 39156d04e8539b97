# Which processes a client started, and which of them are still there. Sourced by real_servers.sh.
# Children of mcporch have process groups of their own and some clients make sessions, so neither tells what is ours:
# the tree below the client is written down while it lives. Processes are only ever named by their id.
# shellcheck shell=bash

# follow PID SECONDS FILE: until PID ends (it is ended after SECONDS), writes `PID COMMAND LINE` of all below it to FILE.
follow() {
  local root=$1 end=$((SECONDS + $2)) file=$3
  : >"$file"
  while kill -0 "$root" 2>/dev/null; do
    ps -A -o pid= -o ppid= -o args= | awk -v root="$root" -v file="$file" '
      BEGIN { while ((getline line < file) > 0) { known[line] = 1; split(line, part, " "); ours[part[1]] = 1 } ours[root] = 1 }
      { pid = $1; parent[pid] = $2; $1 = ""; $2 = ""; sub(/^ +/, ""); command[pid] = $0 }
      END {
        for (pid in parent) {
          above = parent[pid]
          for (depth = 0; depth < 32 && above in parent && !(above in ours); depth++) above = parent[above]
          if (above in ours && !((pid " " command[pid]) in known)) print pid " " command[pid] >> file
        }
      }'
    if [ "$SECONDS" -ge "$end" ]; then
      echo "ended after $2 seconds" >&2
      kill "$root"
      break
    fi
    sleep 0.2
  done
}

# left_over FILE SECONDS: prints those of FILE that still run after SECONDS at most, and ends them.
left_over() {
  local end=$((SECONDS + $2)) left
  while :; do
    # The command line must be the same too: a number may belong to somebody else by now, or to a zombie.
    left=$(ps -A -o pid= -o args= | awk -v file="$1" '
      BEGIN { while ((getline line < file) > 0) known[line] = 1 }
      { pid = $1; $1 = ""; sub(/^ +/, ""); if ((pid " " $0) in known) print pid " " $0 }')
    [ -n "$left" ] && [ "$SECONDS" -lt "$end" ] || break
    sleep 0.2
  done
  [ -n "$left" ] || return 0
  echo "$left"
  local pid
  while read -r pid _; do kill -KILL "$pid" 2>/dev/null; done <<<"$left"
}
