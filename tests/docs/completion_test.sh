#!/bin/bash
# SPDX-License-Identifier: MIT
# completion_test.sh RCRT RCRT.BASH: what bash offers is what the program has.
set -u
rcrt=$(readlink -f "$1")
# shellcheck source=/dev/null
. "$2"
failures=0

# offers LINE WORD...: after LINE, <TAB> offers all of the words.
offers() {
  read -ra COMP_WORDS <<<"$1"
  [[ $1 == *' ' ]] && COMP_WORDS+=('')
  COMP_WORDS[0]=$rcrt
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _rcrt
  local word
  for word in "${@:2}"; do
    [[ " ${COMPREPLY[*]} " == *" $word "* ]] && continue
    echo "FAILED: '$1' does not offer $word, but: ${COMPREPLY[*]}"
    failures=$((failures + 1))
  done
}

offers 'rcrt ' run ps network
offers 'rcrt ru' run
offers 'rcrt --d' --debug
offers 'rcrt --net bridge ' run
offers 'rcrt run --' --rm --publish --debug --pull
offers 'rcrt pu' pull push
offers 'rcrt pull --' --platform --progress --tls-verify
offers 'rcrt --net bridge run --rm --na' --name
offers 'rcrt network ' ls connect teardown
offers 'rcrt network ls --d' --debug
offers 'rcrt plugin in' inspect
offers 'rcrt volume ' ls create prune
offers 'rcrt image ' ls inspect prune verify
offers 'rcrt image prune --' --all --filter
offers 'rcrt save --' --output --format
exit $((failures > 0))
