#!/bin/bash
# SPDX-License-Identifier: MIT
# oci_man_test.sh RCRT-OCI PAGE: the page names every command and option, and no other but those of podman and ps(1).
set -u
oci=$1 page=$2
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
text=$(sed 's/\\-/-/g; s/\\f[BIR]//g; s/\\&//g' "$page")
options=$("$oci" --help | grep -oE -- '--[a-z-]+' | sort -u)
commands=$("$oci" --help | sed -n '/^Commands:/,/^$/s/^   \([a-z]*\) .*/\1/p')
[[ $(wc -w <<<"$commands") -ge 15 ]] || fail "too few commands: $commands"
for command in $commands; do
  grep -q "^\.SS \"rcrt-oci $command" <<<"$text" || fail "the page lacks $command"
  own=$("$oci" "$command" --help | grep -oE -- '^   --[a-z-]+' | tr -d ' ')
  [[ -n $own ]] || fail "$command --help names no options"
  options+=$'\n'$own
done
for option in $options; do
  [[ $option == --help ]] || grep -qF -- "$option" <<<"$text" || fail "the page lacks $option"
done
for option in $(grep -oE -- '(^|[^a-z0-9-])--[a-z][a-z-]*' <<<"$text" | grep -oE -- '--[a-z-]+' | sort -u); do
  [[ $option =~ ^--(runtime|forest|sort|no-headers|cols)$ ]] || grep -qxF -- "$option" <<<"$options" ||
    fail "the page speaks of $option"
done
grep -q '@[A-Z]*@' "$page" && fail "the page has an empty place"
if command -v groff >/dev/null; then
  complaints=$(groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null)
  [[ -z $complaints ]] || fail "$complaints"
fi
exit $((failures > 0))
