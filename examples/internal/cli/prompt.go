package cli

import (
	"context"
	"io"
	"strings"
)

// maxPrompt is the most bytes that are read as a prompt. Text encoders take some
// hundred.
const maxPrompt = 1 << 20

// readPrompt joins the words of a prompt, or reads it from standard input.
func (c *Command) readPrompt(ctx context.Context, words []string) (string, error) {
	if len(words) == 0 {
		return "", misusef("have no prompt, want one: %s (-help lists the flags)", c.usage())
	}
	if len(words) > 1 || words[0] != "-" {
		return strings.Join(words, " "), nil
	}
	type input struct {
		data []byte
		err  error
	}
	read := make(chan input, 1)
	go func() { // a read from a terminal or a pipe cannot be interrupted
		data, err := io.ReadAll(io.LimitReader(c.Stdin, maxPrompt+1))
		read <- input{data, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case in := <-read:
		prompt := strings.TrimSuffix(strings.TrimSuffix(string(in.data), "\n"), "\r")
		switch {
		case in.err != nil:
			return "", in.err
		case len(in.data) > maxPrompt:
			return "", misusef("prompt: standard input has more than %d bytes", maxPrompt)
		case prompt == "":
			return "", misusef("prompt: standard input is empty, want a text")
		}
		return prompt, nil
	}
}
