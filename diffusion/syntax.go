package diffusion

import (
	"fmt"
	"strings"

	prompts "sdgo/diffusion/prompt"
)

// Syntax is a way of writing prompts, see package prompt for the two that have weights, and
// of what weights do to embeddings. It is text in JSON and as a flag.
type Syntax int

const (
	// SyntaxPlain takes prompts as diffusers does: all of them is words, of which those
	// beyond the text encoder's 77 tokens are cut. It is the default.
	SyntaxPlain Syntax = iota

	// SyntaxWebUI reads prompts as AUTOMATIC1111's WebUI 1.10 does: weights in brackets, edits
	// and alternations over the steps, BREAK, and AND, which a negative prompt takes as a word.
	// They may have any length: text encoders read them in chunks of 77 tokens, divided at
	// commas. The embedding of a token is multiplied by its weight, and then those of a
	// chunk by a number that gives them their mean back. Where a prompt has edits that is the
	// mean over all of its texts. Prompt and negative prompt are filled to as many chunks, as
	// WebUI does with its setting pad_cond_uncond. An empty negative prompt is zeros in
	// Stable Diffusion XL. The step at which an edit changes a prompt is counted among all
	// that Steps says, from the first one that is made: of samplers that WebUI calls of second
	// order a call of the model is a step, and there are twice as many.
	SyntaxWebUI

	// SyntaxComfyUI reads prompts as ComfyUI's text encoder nodes do: weights in round brackets,
	// in chunks of 77 tokens. The embedding of a token lies on the line from that of an empty
	// prompt at its place, 0, to its own, 1, where its weight says.
	SyntaxComfyUI
)

// syntaxes are their names.
var syntaxes = []string{"plain", "webui", "comfyui"}

// String returns "plain", "webui" or "comfyui".
func (s Syntax) String() string {
	if s < 0 || int(s) >= len(syntaxes) {
		return fmt.Sprintf("Syntax(%d)", int(s))
	}
	return syntaxes[s]
}

// MarshalText returns what String does. It is an error for another number.
func (s Syntax) MarshalText() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return []byte(s.String()), nil
}

// UnmarshalText takes what String returns, in upper case or lower case.
func (s *Syntax) UnmarshalText(text []byte) error {
	for i, name := range syntaxes {
		if s != nil && strings.EqualFold(name, string(text)) {
			*s = Syntax(i)
			return nil
		}
	}
	return fmt.Errorf("diffusion: syntax: have %.80q, want one of %s", text, strings.Join(syntaxes, ", "))
}

// check wants one that there is.
func (s Syntax) check() error {
	if s < 0 || int(s) >= len(syntaxes) {
		return badOption("Syntax", "have %v, want one of %s", s, strings.Join(syntaxes, ", "))
	}
	return nil
}

// dialect is the grammar of a syntax that is not plain.
func (s Syntax) dialect() prompts.Dialect {
	if s == SyntaxComfyUI {
		return prompts.ComfyUI
	}
	return prompts.A1111
}
