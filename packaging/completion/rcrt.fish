# SPDX-License-Identifier: MIT
# fish completion for rcrt. Verbs and options are what --help says, so this is never behind.

function __rcrt_verbs
    rcrt $argv --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  *\(.*\)/\1\t\2/p'
end

function __rcrt_words
    set -l verb
    set -l sub
    set -l verbs (rcrt --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
    set -l done (commandline -opc)
    for word in $done[2..-1]
        if test -z "$verb"
            contains -- $word $verbs; and set verb $word
        else if contains -- $verb image network plugin system volume; and test -z "$sub"
            string match -q -- '-*' $word; or set sub $word
        end
    end
    if string match -q -- '-*' (commandline -ct)
        rcrt $verb $sub --help 2>/dev/null | sed -n 's/^  *\(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p'
    else if test -z "$verb"
        __rcrt_verbs
    else if contains -- $verb image network plugin system volume; and test -z "$sub"
        __rcrt_verbs $verb
    else
        switch $verb
            case commit diff export inspect kill logs port rm start stop wait
                rcrt ps -a --format '{{.Names}}' 2>/dev/null
            case history image push rmi run save tag unpack untag
                rcrt images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null
        end
    end
end

complete -c rcrt -a '(__rcrt_words)'
