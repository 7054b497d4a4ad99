package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"text/tabwriter"
)

// engines are those that the script measures in the precision.
func (r *rivals) engines(o *options) (all []runner) {
	names := []string{"pytorch", "openvino"}
	if o.precision == "float32" {
		names = append(names, "onnxruntime")
	}
	for _, name := range names {
		all = append(all, runner{name, r.engine(name, o)})
	}
	return all
}

// engine measures each part with an engine.
func (r *rivals) engine(name string, o *options) func(context.Context) (map[string]float64, error) {
	size := o.size
	if size == 0 {
		size = 512
	}
	cells := size / 8
	parts := map[string]string{ // names here, by those of the script
		"text": "text encoder, two prompts",
		"unet": fmt.Sprintf("guided U-Net step, %d×%d latents", cells, cells),
		"vae":  fmt.Sprintf("VAE decode to %d×%d", size, size),
	}
	return func(ctx context.Context) (map[string]float64, error) {
		times := map[string]float64{}
		for _, part := range []string{"text", "unet", "vae"} {
			args := []string{filepath.Join(r.peers, "peers.py"), "run", "--dir", r.peers, "--engine", name, "--part", part,
				"--size", strconv.Itoa(cells), "--precision", o.precision}
			if o.threads != 0 {
				args = append(args, "--threads", strconv.Itoa(o.threads))
			}
			var found struct {
				Median float64 `json:"median_s"`
			}
			if err := measured(ctx, &found, r.python, args...); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, part, err)
			}
			times[parts[part]] = found.Median
		}
		return times, nil
	}
}

// print writes the medians of all, and the ratios to this program's.
func (c *comparison) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "median s, and the median ratio of each round")
	for _, name := range c.Names {
		fmt.Fprintf(t, "\t%s", name)
	}
	fmt.Fprintln(t)
	for _, p := range c.Parts {
		fmt.Fprint(t, p.Name)
		for i, times := range p.Times {
			switch {
			case len(times) == 0:
				fmt.Fprint(t, "\t-")
			case i == 0:
				fmt.Fprintf(t, "\t%.3f", median(times))
			default:
				fmt.Fprintf(t, "\t%.3f (%.3f)", median(times), p.Ratios[i])
			}
		}
		fmt.Fprintln(t)
	}
	fmt.Fprint(t, "\ncores replied before each round in")
	for _, s := range c.Reply {
		fmt.Fprintf(t, " %.0f", 1e9*s)
	}
	fmt.Fprintln(t, " ns")
	return t.Flush()
}
