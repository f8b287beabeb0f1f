_prefprop_completion() {
    local IFS=$'
'
    local words=() word last=-1  # without ${words[-1]}, which bash 3.2 of macOS does not know
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
      if [[ $last -gt 0 && ($word == = || ${words[last]} == *=) ]]; then
        words[last]+=$word
      else
        words[++last]=$word
      fi
    done
    COMPREPLY=( $( env COMP_WORDS="${words[*]}" \
                   COMP_CWORD=$last \
                   _PREFPROP_COMPLETE=complete_bash $1 ) )
    [[ ${words[last]} == *=* ]] && COMPREPLY=( "${COMPREPLY[@]#*=}" )
    return 0
}

complete -o default -F _prefprop_completion prefprop
