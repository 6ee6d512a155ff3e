# SPDX-License-Identifier: MIT
# Fills a man page with what the program says of itself, so that the two cannot differ.
#
#   awk -v version=0.1.0 -f fill.awk HELP PAGE.1.in >PAGE.1
#
# HELP is the output of `rcrt [VERB] --help`, followed by that of its sub-verbs. In the page,
# @OPTIONS@ becomes its options (the global ones only with -v global_too=1), @VERBS@ its verbs,
# @SEEALSO@ their pages.

function roff(text) {
  gsub(/\\/, "\\e", text)
  gsub(/-/, "\\-", text)
  if (text ~ /^[.']/) text = "\\&" text
  return text
}

# "  -p, --publish PORT   text", "      --rm   text": into option and value; the rest is text.
function new_option(line,    head) {
  sub(/^ +/, "", line)
  if (match(line, /^-[^ -], --[^ ]+/)) {
    head = substr(line, RSTART, RLENGTH)
    line = substr(line, RLENGTH + 1)
    short[++count] = substr(head, 1, 2)
    name[count] = substr(head, 5)
  } else {
    match(line, /^--[^ ]+/)
    short[++count] = ""
    name[count] = substr(line, 1, RLENGTH)
    line = substr(line, RLENGTH + 1)
  }
  if (match(line, /^ [A-Z\[][^ ]*/)) {
    value[count] = substr(line, 2, RLENGTH - 1)
    line = substr(line, RLENGTH + 1)
  }
  sub(/^ +/, "", line)
  text[count] = line
  of[count] = usage
}

FNR == NR {
  if ($1 == "usage:") {
    usage = $2
    for (i = 3; i <= NF && $i ~ /^[a-z]+$/; ++i) usage = usage " " $i
    usages += $0 !~ / VERB /
    global = 0
  }
  if ($0 ~ /^Global options/) global = 1
  else if ($0 ~ /^[A-Za-z].*:$/) global = 0
  if ($0 ~ /^ +(-[^ -], )?--[a-z]/) {
    own = !global || global_too
    in_option = own
    if (own) new_option($0)
  } else if (in_option && $0 ~ /^      +[^ ]/) {
    line = $0
    sub(/^ +/, "", line)
    text[count] = text[count] (text[count] == "" ? "" : " ") line
  } else if ($0 ~ /^  [a-z]/ && !usages) {
    in_option = 0
    verb[++verbs] = $1
    line = $0
    sub(/^ +[a-z]+ +/, "", line)
    summary[verbs] = line
  } else {
    in_option = 0
  }
  next
}

/^@OPTIONS@$/ {
  if (!count) print "None of its own."
  for (i = 1; i <= count; ++i) {
    if (usages > 1 && of[i] != of[i - 1]) print ".SS " roff(of[i])
    print ".TP"
    line = short[i] == "" ? "" : "\\fB" roff(short[i]) "\\fR, "
    line = line "\\fB" roff(name[i]) "\\fR"
    if (value[i] != "") line = line " \\fI" roff(value[i]) "\\fR"
    print line
    print roff(text[i])
  }
  if (count) print ".PP"
  next
}
/^@VERBS@$/ {
  for (i = 1; i <= verbs; ++i) {
    print ".TP"
    print "\\fB" roff(verb[i]) "\\fR"
    print roff(summary[i])
  }
  next
}
/^@SEEALSO@$/ {
  for (i = 1; i <= verbs; ++i) print ".BR rcrt\\-" verb[i] " (1)" (i < verbs ? "," : "")
  next
}
{
  gsub(/@VERSION@/, version)
  print
}
