package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sdgo/examples/internal/cli"
)

// scripts are those of the shells. Each asks sd for the words, and where it has none the
// shell completes the names of files.
var scripts = map[string]string{
	"bash": `# sd completion bash: to be read by source <(sd completion bash), in ~/.bashrc say.
_sd() {
	local IFS=$'\n' word
	COMPREPLY=()
	for word in $(sd __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
		COMPREPLY+=("${word%%$'\t'*}")
	done
}
complete -o default -F _sd sd
`,
	"zsh": `#compdef sd
# sd completion zsh: to be read by source <(sd completion zsh), or as the file _sd of a folder in fpath.
_sd() {
	local -a found
	local line
	while IFS= read -r line; do
		found+=("${line%%$'\t'*}:${line#*$'\t'}")
	done < <(sd __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
	if (( ${#found} )); then
		_describe sd found
	else
		_files
	fi
}
compdef _sd sd
`,
	"fish": `# sd completion fish: to be read by sd completion fish | source, in config.fish say.
complete -c sd -a '(sd __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

// shells are those that there is a script for.
func shells() []string { return slices.Sorted(maps.Keys(scripts)) }

// completion prints the script of a shell.
func completion(_ context.Context, args []string, stdout, _ io.Writer) error {
	want := strings.Join(shells(), ", ")
	if len(args) != 1 {
		return cli.Misuse(fmt.Errorf("completion: have %d words, want one of %s", len(args), want))
	}
	script, ok := scripts[args[0]]
	if !ok {
		return cli.Misuse(fmt.Errorf("completion: have %q, want one of %s", args[0], want))
	}
	_, err := io.WriteString(stdout, script)
	return err
}
