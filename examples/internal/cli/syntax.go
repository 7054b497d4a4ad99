package cli

import (
	"flag"

	"sdgo/diffusion"
)

// syntaxFlag adds the flag that says how prompts are written.
func syntaxFlag(f *flag.FlagSet, s *diffusion.Syntax) {
	f.TextVar(s, "syntax", diffusion.SyntaxPlain, "how the prompts are written, `name` plain for words alone, webui or comfyui for weights such as (red:1.2), and any length")
}
