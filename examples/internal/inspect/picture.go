package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/internal/regular"
)

// parameters returns how the picture of a file was made. The error has diffusion.ErrNoParameters in it if the
// file begins as a picture's, and does not say it.
func parameters(ctx context.Context, path string) (*diffusion.Parameters, error) {
	f, err := regular.Open(ctx, regular.OS{}, path)
	if err != nil {
		return nil, err // which Inspect tells, too
	}
	defer f.Close()
	return diffusion.ReadParameters(regular.Reader(ctx, f))
}

// printParameters prints how a picture was made.
func printParameters(w io.Writer, path string, p *diffusion.Parameters) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	var b strings.Builder
	made := "a picture that says how it was made"
	if p.Program != "" {
		made = "a picture that was made by " + p.Program
	}
	fmt.Fprintf(&b, "%s: %s\n", path, cli.OneLine(made))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", cli.OneLine(name), cli.OneLine(value))
		}
	}
	row("prompt", p.Prompt)
	row("negative prompt", p.Options.NegativePrompt)
	for _, key := range []string{"prompt", "negative_prompt", "program", "other", "left_out"} {
		delete(all, key)
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		row(strings.ReplaceAll(key, "_", " "), plain(all[key]))
	}
	for _, f := range p.Other {
		row(f.Name, f.Value)
	}
	row("not in the file", strings.Join(p.LeftOut, ", "))
	t.Flush()
	_, err = io.WriteString(w, b.String())
	return err
}

// plain is a value of JSON; of a text what it says.
func plain(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}
