# Completion of `kindling` in bash and zsh:  source scripts/completion.sh
# Options are those that `kindling COMMAND --help` shows, for a command that takes a task's settings
# with these: asked for once, which takes as long as an import of torch, and then remembered by the
# shell.
if [ -n "${ZSH_VERSION:-}" ]; then
  autoload -Uz compinit bashcompinit && compinit && bashcompinit
fi
_kindling_project=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)
_kindling_known= _kindling_options=

_kindling() {
  local line="${COMP_LINE:0:COMP_POINT}" known options tools commands
  local current="${line##*[ =]}" last="${line##* }"
  local before="${line% *}"; before="${before##* }"
  local command="${line#* }"; command="${command%% *}"
  [[ $last == *=* ]] && before="${last%%=*}"
  tools=$(cd "$_kindling_project/src/kindling/tools" 2>/dev/null && grep -l '^def main' -- */__init__.py | sed 's,/.*,,')
  if [[ $line != *\ *\ * ]]; then
    known="train fit validate test predict $tools"
  elif [[ $before == --config || $before == -c || $before == --task ]]; then
    known=$(cd "$_kindling_project/configs" && ls -- *.yaml $([[ $before == --task ]] || echo presets/*.yaml) | sed 's,.*/,,; s,\.yaml$,,; /^trainer$/d')
  elif [[ $before == --run || $before == --runs ]]; then
    known=$(ls -d -- logs/*/*/config.yaml 2>/dev/null | sed 's,/config.yaml$,,')
  else
    options=$(grep -oE -- '(--config|-c|--model|--data|--task)[ =][A-Za-z0-9_./-]+ ' <<< "$line" | sed 's/^--task/--config/' | tr '\n' ' ')
    commands="fit $options"
    grep -qx -- "$command" <<< "$tools" && commands="$command"$'\n'"${options:+fit $options}"
    if [[ $commands != "$_kindling_known" || -z $_kindling_options ]]; then
      _kindling_options=$(while read -r options; do
        [[ -z $options ]] || eval "${KINDLING:-kindling} $options --help" < /dev/null 2>/dev/null | grep -oE '^  --[^ ]+( \{[^}]*\})?'
      done <<< "$commands")
      _kindling_known=$commands
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
