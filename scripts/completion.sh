# Completion of `kindling` in bash and zsh:  source scripts/completion.sh
# Commands, configs, settings, their choices, and runs; in the environment that has kindling.
if [ -n "${ZSH_VERSION:-}" ]; then
    autoload -Uz compinit bashcompinit && compinit && bashcompinit
fi
complete -o default -o nospace -C "${KINDLING_PYTHON:-python} -m kindling.complete" kindling
