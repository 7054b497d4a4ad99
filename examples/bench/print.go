package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// print writes the report as a table.
func (r *report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s, %s, %s, %d threads; the float32 matrix kernel reaches %.0f GFLOP/s, all processors %.0f over a second; cores reply in %.0f ns\n", r.Model, r.Precision, r.ISA, r.Threads, r.Peak, r.Sustained, 1e9*r.Reply)
	for _, p := range r.Parts {
		fmt.Fprintf(t, "\n%s: median %.3f s, best %.3f s of %d; load %.2f s\n", p.Name, p.Median, p.Min, p.Runs, p.Load)
		fmt.Fprintln(t, "\ts\tGFLOP\tGFLOP/s\tof peak")
		for _, k := range p.Kinds {
			if k.GFLOP == 0 {
				fmt.Fprintf(t, "%s\t%.4f\n", k.Name, k.Seconds)
				continue
			}
			rate := k.GFLOP / k.Seconds
			fmt.Fprintf(t, "%s\t%.4f\t%.2f\t%.0f\t%.0f %%\n", k.Name, k.Seconds, k.GFLOP, rate, 100*rate/r.Peak)
		}
	}
	if r.Memory > 0 {
		fmt.Fprintf(t, "\npeak memory of the process: %.2f GB\n", float64(r.Memory)/1e9)
	}
	return t.Flush()
}
