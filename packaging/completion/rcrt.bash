# SPDX-License-Identifier: MIT
# bash completion for rcrt. Verbs and options are what --help says, so this is never behind.

_rcrt_verbs() { "$@" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'; }
_rcrt_options() { "$@" --help 2>/dev/null | sed -n 's/^  *\(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p'; }

_rcrt() {
  local rcrt=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} verb='' sub='' rest=0 verbs subs='' word i
  verbs=" $(_rcrt_verbs "$rcrt" | tr '\n' ' ')"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -z $verb ]]; then
      [[ $verbs == *" $word "* ]] || continue
      verb=$word
      case $verb in image | network | plugin | system | volume) subs=" $(_rcrt_verbs "$rcrt" "$verb" | tr '\n' ' ')" ;; esac
    elif [[ -n $subs && -z $sub ]]; then
      [[ $subs == *" $word "* ]] && sub=$word
    elif [[ $word != -* ]]; then
      rest=$((rest + 1))
    fi
  done

  local words images='{{.Repository}}:{{.Tag}}'
  if [[ $cur == -* ]]; then
    words=$(_rcrt_options "$rcrt" ${verb:+"$verb"} ${sub:+"$sub"})
  elif [[ -z $verb ]]; then
    words=$verbs
  elif [[ -n $subs && -z $sub ]]; then
    words=$subs
  else
    case $verb in
      commit | diff | export | inspect | kill | logs | port | rm | start | stop | wait) words=$("$rcrt" ps -a --format '{{.Names}}' 2>/dev/null) ;;
      history | image | rmi | save | untag) words=$("$rcrt" images --format "$images" 2>/dev/null) ;;
      create | push | run | tag | unpack) [[ $rest -eq 0 ]] && words=$("$rcrt" images --format "$images" 2>/dev/null) ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o default -F _rcrt rcrt
