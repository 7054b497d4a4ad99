package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/internal/engine"
)

// listed is how many tensors or messages of one kind are printed, so that a report fits on
// a screen.
const listed = 4

// report prints what a file or folder holds, or how a picture was made.
func (c *Command) report(ctx context.Context, path string, stdout io.Writer) error {
	p, none := parameters(ctx, path)
	if none == nil {
		if c.json {
			return printJSON(stdout, p)
		}
		return printParameters(stdout, path, p)
	}
	r, err := diffusion.InspectContext(ctx, path, &c.load)
	if err != nil && errors.Is(none, diffusion.ErrNoParameters) { // it is no model that begins so by chance
		return fmt.Errorf("%s: %w", path, none)
	}
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(stdout, r)
	}
	return print(stdout, r, c.all)
}

// printJSON prints a report, or how a picture was made, for programs.
func printJSON(w io.Writer, r any) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// print prints a report, in a screenful or with every tensor.
func print(w io.Writer, r *diffusion.Report, all bool) error {
	var b strings.Builder
	name := r.Name
	if name == "" {
		name = "no model that is known"
	}
	fmt.Fprintf(&b, "%s: %s\n", r.Path, name)
	if r.Family != "" {
		fmt.Fprintf(&b, "family %s, ", r.Family)
	}
	fmt.Fprintf(&b, "%s, %d tensors, %s\n", r.Container, len(r.Tensors), engine.Bytes(r.Bytes()))
	switch {
	case r.Prediction != "":
		fmt.Fprintf(&b, "predicts %s, by %s\n", r.Prediction, r.DecidedBy)
	case r.DecidedBy != "":
		fmt.Fprintf(&b, "what it predicts is decided by %s\n", r.DecidedBy)
	}
	if d := r.Defaults; d.Steps > 0 {
		fmt.Fprintf(&b, "%d steps and guidance %g by default", d.Steps, d.Guidance)
		if d.Few != "" {
			fmt.Fprintf(&b, ": %s, for %s", d.Few, d.Told)
		}
		b.WriteByte('\n')
	}
	parts(&b, r)
	fates(&b, r)
	missing := make([]string, len(r.Missing))
	for i, m := range r.Missing {
		if missing[i] = fmt.Sprintf("%s: %s %v", m.Part, m.Name, m.Want); m.Have != nil {
			missing[i] += fmt.Sprintf(", have %v", m.Have)
		}
	}
	list(&b, "missing", missing, all)
	list(&b, "warnings", r.Warnings, all)
	if r.Use != "" {
		fmt.Fprintf(&b, "use it beside a model: %s\n", r.Use)
		list(&b, "problems as a whole model", r.Problems, all)
	} else {
		list(&b, "problems", r.Problems, all)
	}
	if len(r.Problems) == 0 {
		b.WriteString("Load takes it.\n")
	}
	if all {
		tensors(&b, r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// parts prints the parts as a table.
func parts(b *strings.Builder, r *diffusion.Report) {
	if len(r.Parts) == 0 {
		return
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "part\ttensors\tnumbers\tbytes\ttypes\tfile")
	for _, p := range r.Parts {
		var types []string
		for _, dtype := range slices.Sorted(maps.Keys(p.DTypes)) {
			types = append(types, fmt.Sprintf("%s %d", dtype, p.DTypes[dtype]))
		}
		if p.File == r.Path { // which stands above
			p.File = ""
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", p.Name, p.Tensors, numbers(p.Parameters), engine.Bytes(p.Bytes), strings.Join(types, ", "), p.File)
	}
	t.Flush()
}

// numbers writes how many numbers there are, to three digits.
func numbers(n int64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		switch x := float64(n) / unit.of; {
		case x >= 99.95:
			return fmt.Sprintf("%.0f%s", x, unit.name)
		case x >= 9.995:
			return fmt.Sprintf("%.1f%s", x, unit.name)
		case x >= 0.9995:
			return fmt.Sprintf("%.2f%s", x, unit.name)
		}
	}
	return strconv.FormatInt(n, 10)
}

// fates prints how many tensors have each fate, and the rules by which some are ignored.
func fates(b *strings.Builder, r *diffusion.Report) {
	rules, unused := make(map[string]int), []string(nil)
	for _, t := range r.Tensors {
		switch t.Fate {
		case diffusion.Ignored:
			rules[t.Why]++
		case diffusion.Unused:
			unused = append(unused, t.Name)
		}
	}
	fmt.Fprintf(b, "tensors: %d used, %d ignored, %d unused, %d refused\n", r.Count(diffusion.Used), r.Count(diffusion.Ignored), r.Count(diffusion.Unused), r.Count(diffusion.Refused))
	var ignored []string
	for _, why := range slices.Sorted(maps.Keys(rules)) {
		ignored = append(ignored, fmt.Sprintf("%d: %s", rules[why], why))
	}
	list(b, "ignored", ignored, false)
	list(b, "unused", unused, false)
}

// list prints a few lines, or all, below a title.
func list(b *strings.Builder, title string, lines []string, all bool) {
	if len(lines) == 0 {
		return
	}
	n := len(lines)
	if !all {
		n = min(n, listed)
	}
	fmt.Fprintf(b, "%s:\n", title)
	for _, line := range lines[:n] {
		fmt.Fprintf(b, "  %s\n", cli.OneLine(line))
	}
	if n < len(lines) {
		fmt.Fprintf(b, "  and %d more\n", len(lines)-n)
	}
}

// tensors prints every tensor.
func tensors(b *strings.Builder, r *diffusion.Report) {
	b.WriteByte('\n')
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "tensor\ttype\tshape\tfate\tas")
	for _, x := range r.Tensors {
		as := x.Why
		if x.Part != "" {
			as = x.Part + ": " + strings.Join(x.As, ", ")
		}
		fmt.Fprintf(t, "%s\t%s\t%v\t%s\t%s\n", cli.OneLine(x.Name), x.DType, x.Shape, x.Fate, as)
	}
	t.Flush()
}
