# Completion of `kindling` in bash and zsh:  source scripts/completion.sh
# Settings are those that `kindling COMMAND --config TASK --help` shows: asked for once a task, which
# takes as long as an import of torch, and then remembered by the shell.
if [ -n "${ZSH_VERSION:-}" ]; then
  autoload -Uz compinit bashcompinit && compinit && bashcompinit
fi
_kindling_project=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)
_kindling_known= _kindling_options=

_kindling() {
  local line="${COMP_LINE:0:COMP_POINT}" known options
  local current="${line##*[ =]}" last="${line##* }"
  local before="${line% *}"; before="${before##* }"
  [[ $last == *=* ]] && before="${last%%=*}"
  if [[ $line != *\ *\ * ]]; then
    known="train fit validate test predict"
  elif [[ $before == --config || $before == -c ]]; then
    known=$(cd "$_kindling_project/configs" && ls -- *.yaml presets/*.yaml | sed 's,.*/,,; s,\.yaml$,,; /^trainer$/d')
  elif [[ $before == --run ]]; then
    known=$(ls -d -- logs/*/*/config.yaml 2>/dev/null | sed 's,/config.yaml$,,')
  else
    options=$(grep -oE -- '(--config|-c|--model|--data)[ =][A-Za-z0-9_./-]+ ' <<< "$line" | tr '\n' ' ')
    if [[ "$options" != "$_kindling_known" || -z "$_kindling_options" ]]; then
      _kindling_options=$(eval "${KINDLING:-kindling} fit $options --help" 2>/dev/null | grep -oE '^  --[^ ]+( \{[^}]*\})?')
      _kindling_known=$options
    fi
    if [[ $last == *=* ]]; then
      known=$(grep -E -- "^  $before[ =]" <<< "$_kindling_options" | sed -n 's/.*{\(.*\)}.*/\1/p; s/.*=\(true\|false\)$/true,false/p')
      known=${known//,/ }
    else
      known=$(sed 's/^ *//; s/[ =].*//' <<< "$_kindling_options")
    fi
  fi
  COMPREPLY=($(compgen -W "$known" -- "$current"))
}
complete -o default -o nospace -F _kindling kindling
