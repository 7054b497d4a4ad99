package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// print writes the report as a table.
func (r *report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s, %s, %s, %d threads; the float32 matrix kernel reaches %.0f GFLOP/s, all processors %.0f over a second; cores reply in %.0f ns\n", r.Model, r.Precision, r.ISA, r.Threads, r.Peak, r.Sustained, 1e9*r.Reply)
	for _, p := range r.Parts {
		fmt.Fprintf(t, "\n%s: median %.3f s, best %.3f s of %d; load %.2f s\n", p.Name, p.Median, p.Min, p.Runs, p.Load)
		fmt.Fprintln(t, "\ts\tGFLOP\tGFLOP/s\tof peak")
		rows(t, p.Kinds, r.Peak)
		if len(p.Layers) == 0 {
			continue
		}
		fmt.Fprintf(t, "\t\t\t\tof %.0f\n", r.Products)
		layers := slices.Clone(p.Layers)
		for i, k := range layers {
			layers[i].Name = fmt.Sprintf("%d × %s", k.Count, k.Name)
		}
		rows(t, layers, r.Products)
	}
	if r.Memory > 0 {
		fmt.Fprintf(t, "\npeak memory of the process: %.2f GB\n", float64(r.Memory)/1e9)
	}
	return t.Flush()
}

// rows writes a line for each kind, with its share of a rate in GFLOP/s.
func rows(w io.Writer, kinds []kind, peak float64) {
	for _, k := range kinds {
		if k.GFLOP == 0 {
			fmt.Fprintf(w, "%s\t%.4f\n", k.Name, k.Seconds)
			continue
		}
		rate := k.GFLOP / k.Seconds
		fmt.Fprintf(w, "%s\t%.4f\t%.2f\t%.0f\t%.0f %%\n", k.Name, k.Seconds, k.GFLOP, rate, 100*rate/peak)
	}
}
