# SPDX-License-Identifier: MIT
# For the scripts of vm tests: their cases, printed as googletest does. $suite is what they are of.
# shellcheck shell=sh disable=SC2034,SC2154  # the script's
failed=0
check() {  # NAME EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then
    echo "[       OK ] $suite.$1"
  else
    echo "[  FAILED  ] $suite.$1: expected \"$2\", got \"$3\""
    failed=1
  fi
}
