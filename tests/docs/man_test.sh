#!/bin/bash
# SPDX-License-Identifier: MIT
# man_test.sh RCRT PAGE...: --help and the man pages say the same, every verb has a page, no page
# speaks of an option that does not exist, and groff has nothing to complain about.
set -u
rcrt=$1
shift
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

declare -A page
for file in "$@"; do page[$(basename "$file" .1)]=$file; done
verbs_of() { "$@" --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'; }
# The options in a help text. Not the sed of make-pages, so that a slip there is seen.
options_of() { "$@" --help | grep -oE -- '^ +(-., )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' | sort -u; }
# Every option a page names, in options, prose and examples.
named_in() { sed 's/\\-/-/g; s/\\f[BIR]//g' "$1" | grep -v '^\.\\"' | grep -oE -- '(^|[^a-zA-Z0-9-])--[a-z][a-z0-9-]*' | grep -oE -- '--[a-z0-9-]+' | sort -u; }

global=$(options_of "$rcrt")
[[ $global == *--debug* ]] || fail "rcrt --help names no global options: $global"
verbs=$(verbs_of "$rcrt")
[[ $verbs == *run* ]] || fail "rcrt --help names no verbs"
for verb in $verbs; do
  file=${page[rcrt-$verb]-}
  [[ -n $file ]] || { fail "no page rcrt-$verb.1"; continue; }
  grep -q "rcrt.*$verb.*(1)" "${page[rcrt]}" || fail "rcrt.1 does not point to rcrt-$verb(1)"
  options=$(options_of "$rcrt" "$verb")
  if grep -q '^\.SS Verbs' "$file"; then
    for sub in $(verbs_of "$rcrt" "$verb"); do options+=$'\n'$(options_of "$rcrt" "$verb" "$sub"); done
  fi
  own=$(comm -23 <(sort -u <<<"$options") <(echo "$global"))
  for option in $own; do
    grep -qxF -- "$option" <(named_in "$file") || fail "rcrt-$verb.1 lacks $option"
  done
  for option in $(named_in "$file"); do
    grep -qxF -- "$option" <(printf '%s\n%s\n' "$options" "$global") || fail "rcrt-$verb.1 speaks of $option, which --help does not know"
  done
done
for option in $global; do grep -qxF -- "$option" <(named_in "${page[rcrt]}") || fail "rcrt.1 lacks $option"; done
for name in "${!page[@]}"; do
  [[ $name == rcrt || $'\n'$verbs$'\n' == *$'\n'${name#rcrt-}$'\n'* ]] || fail "$name.1 is of no verb"
  grep -q '@[A-Z]*@' "${page[$name]}" && fail "$name.1 has an empty place"
  if command -v groff >/dev/null; then
    complaints=$(groff -man -Tutf8 -ww "${page[$name]}" 2>&1 >/dev/null)
    [[ -z $complaints ]] || fail "$name.1: $complaints"
  fi
done
exit $((failures > 0))
