package cli

import (
	"context"
	"io"
	"strings"
)

// maxPrompt is the most bytes that are read as a prompt. Text encoders take some
// hundred.
const maxPrompt = 1 << 20

// readPrompt joins the words of a prompt, or reads it from standard input. A command without
// a prompt has none.
func (c *Command) readPrompt(ctx context.Context, words []string) (string, error) {
	if c.wordless {
		return "", c.noWords(words)
	}
	if len(words) == 0 && c.settings != nil && (c.settings.Prompt != "" || c.settings.Task != "") { // an empty one, too, of a picture
		return c.settings.Prompt, nil
	}
	if len(words) == 0 && c.varies != "" {
		return "", nil
	}
	if len(words) == 0 {
		return "", misusef("have no prompt, want one: %s (-help lists the flags)", c.usage())
	}
	if len(words) > 1 || words[0] != "-" {
		return strings.Join(words, " "), nil
	}
	data, err := await(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(c.Stdin, maxPrompt+1)) })
	if err != nil {
		return "", err
	}
	prompt := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case len(data) > maxPrompt:
		return "", misusef("prompt: standard input has more than %d bytes", maxPrompt)
	case prompt == "":
		return "", misusef("prompt: standard input is empty, want a text")
	}
	return prompt, nil
}
