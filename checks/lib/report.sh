# Verdicts, the table of requests, and the last line. Sourced by real_servers.sh.
# shellcheck shell=bash

verdicts=() # "SECTION<TAB>passed<TAB>failed", in order.
current='' current_passed=0 current_failed=0

# json TEXT: as a JSON string; file names with control characters are not expected here.
json() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

# join SEPARATOR ITEM…
join() {
  local separator=$1 text=$2
  shift 2
  local item
  for item in "$@"; do text+=$separator$item; done
  printf '%s' "$text"
}

skip() {
  skipped=$((skipped + 1))
  echo "skipped: $1"
}

section() {
  close_section
  current=$1
  printf '\n== %s\n' "$1"
}

close_section() {
  [ -z "$current" ] || verdicts+=("$current"$'\t'"$current_passed"$'\t'"$current_failed")
  current='' current_passed=0 current_failed=0
}

# verdict ok|FAIL NAME DETAIL
verdict() {
  if [ "$1" = ok ]; then
    passed=$((passed + 1)) current_passed=$((current_passed + 1))
  else
    failed=$((failed + 1)) current_failed=$((current_failed + 1))
  fi
  printf '  %-4s %s%s\n' "$1" "$2" "${3:+  ($3)}"
}

# expect NAME COMMAND…: passes when COMMAND succeeds.
expect() {
  local name=$1
  shift
  if "$@"; then verdict ok "$name" ""; else verdict FAIL "$name" ""; fi
}

# take_over FILE: a client's lines (see clients/checklist.mjs), first the table, then the verdicts; those that passed in one line.
take_over() {
  local kind a b c d e f good=''
  printf '  %-34s %-6s %-22s %-40s %10s %6s\n' request by outcome tool confidence ms
  while IFS=$'\t' read -r kind a b c d e f; do
    [ "$kind" = row ] || continue
    [[ $e =~ ^[01]\.[0-9]{4,} ]] && e=${e:0:5}
    printf '  %-34s %-6s %-22s %-40s %10s %6s\n' "$a" "$b" "$c" "$d" "$e" "$f"
  done <"$1"
  while IFS=$'\t' read -r kind a b c; do
    [ "$kind" = check ] || continue
    if [ "$b" = ok ]; then
      passed=$((passed + 1)) current_passed=$((current_passed + 1)) good+=", $a"
    else
      verdict FAIL "$a" "$c"
    fi
  done <"$1"
  [ -z "$good" ] || echo "  ok   ${good#, }"
}

summary() {
  close_section
  printf '\n%-48s %8s %8s\n' "" passed failed
  local name ok bad entry
  for entry in ${verdicts[@]+"${verdicts[@]}"}; do
    IFS=$'\t' read -r name ok bad <<<"$entry"
    printf '%-48s %8s %8s\n' "$name" "$ok" "$bad"
  done
  echo "$passed passed, $failed failed, $skipped skipped"
}
