package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// rivals are what this program is compared with: another build of it, and other engines.
// Each measures in a process of its own, and all take turns, so that what changes on the
// machine changes for all.
type rivals struct {
	against string // another binary of this program
	peers   string // folder with peers.py and its models
	python  string
	rounds  int
}

func rivalFlags(f *flag.FlagSet) *rivals {
	r := &rivals{}
	f.StringVar(&r.against, "against", "", "another `binary` of this program, an older one, say, that runs in turn with this one: a table of ratios")
	f.StringVar(&r.peers, "peers", "", "`folder` with peers.py, a script that measures other engines, and the models that it made: they run in turn with this program, a table of ratios")
	f.StringVar(&r.python, "python", "python3", "`program` that runs -peers' script")
	f.IntVar(&r.rounds, "rounds", 3, "`times` that each of -against and -peers runs")
	return r
}

func (r *rivals) wanted() bool { return r.against != "" || r.peers != "" }

func (r *rivals) check(o *options, table, picture bool) error {
	switch {
	case table || picture && r.peers != "":
		return errors.New("-against, -peers: have -sizes, or -picture beside -peers, want neither")
	case r.rounds < 1 || r.rounds > 1000:
		return fmt.Errorf("-rounds: have %d, want 1 to 1000", r.rounds)
	case r.peers != "" && o.model != "sd15":
		return fmt.Errorf("-peers: have model %q, want sd15, whose shapes the script measures", o.model)
	case r.peers != "" && o.precision != "float32" && o.precision != "bfloat16":
		return fmt.Errorf("-peers: have precision %s, want float32 or bfloat16, which the script measures", o.precision)
	}
	return nil
}

// runner measures once, and returns the median time of each part by its name here.
type runner struct {
	name string
	run  func(ctx context.Context) (map[string]float64, error)
}

// comparison is what was measured.
type comparison struct {
	Names []string       `json:"names"` // of the runners, this program first
	Parts []comparedPart `json:"parts"`
	Reply []float64      `json:"reply_s"` // of the cores, before each round
}

// comparedPart are the times of a part.
type comparedPart struct {
	Name   string      `json:"name"`
	Times  [][]float64 `json:"times_s"` // of each runner, in the order of the rounds; nil where it has no such part
	Ratios []float64   `json:"ratios"`  // the median, over the rounds, of each runner's time to this program's; 0 for none
}

// run measures and prints. Args are the flags of this program.
func (r *rivals) run(ctx context.Context, o *options, args []string, asJSON bool, stdout io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	plain := withoutRivals(args)
	all := []runner{{"this", benchmark(self, plain)}}
	if r.against != "" {
		binary, err := filepath.Abs(r.against)
		if err != nil {
			return err
		}
		all = append(all, runner{filepath.Base(r.against), benchmark(binary, plain)})
	}
	if r.peers != "" {
		all = append(all, r.engines(o)...)
	}
	c, err := compare(ctx, all, r.rounds)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(c)
	}
	return c.print(stdout)
}

// withoutRivals returns the flags without those of rivals and -json.
func withoutRivals(args []string) (kept []string) {
	for i := 0; i < len(args); i++ {
		name, _, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch name {
		case "against", "peers", "python", "rounds":
			if !inline {
				i++
			}
		case "json":
		default:
			kept = append(kept, args[i])
		}
	}
	return kept
}

// benchmark runs a binary of this program.
func benchmark(binary string, args []string) func(context.Context) (map[string]float64, error) {
	return func(ctx context.Context) (map[string]float64, error) {
		var raw json.RawMessage
		if err := measured(ctx, &raw, binary, append(slices.Clone(args), "-json")...); err != nil {
			return nil, err
		}
		var parts report
		var p pictureReport // with -picture
		if err := errors.Join(json.Unmarshal(raw, &parts), json.Unmarshal(raw, &p)); err != nil {
			return nil, fmt.Errorf("%s: %w", binary, err)
		}
		times := map[string]float64{}
		for _, p := range parts.Parts {
			times[p.Name] = p.Median
		}
		if p.Picture > 0 {
			times["a picture"], times["a picture: load"] = p.Picture, p.Load
			times["a picture: start to first step"] = p.Ready
			times["a picture: text"], times["a picture: sampling"], times["a picture: decode"] = p.Text, p.Sampling, p.Decode
		}
		return times, nil
	}
}

// measured runs a program and reads the JSON that it writes last.
func measured(ctx context.Context, v any, name string, args ...string) error {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		last := strings.TrimSpace(errs.String())
		return fmt.Errorf("%s: %w: %.500s", name, err, last[strings.LastIndexByte(last, '\n')+1:])
	}
	if err := json.Unmarshal(out.Bytes(), v); err != nil {
		return fmt.Errorf("%s: want JSON: %w", name, err)
	}
	return nil
}

// compare lets the runners take turns.
func compare(ctx context.Context, all []runner, rounds int) (*comparison, error) {
	c := &comparison{}
	for _, one := range all {
		c.Names = append(c.Names, one.name)
	}
	times := make([][]map[string]float64, len(all)) // of a runner, of a round
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	for range rounds { // in the other order each time
		c.Reply = append(c.Reply, reply())
		for _, i := range order {
			t, err := all[i].run(ctx)
			if err != nil {
				return nil, err
			}
			if len(t) == 0 {
				return nil, errors.New(all[i].name + ": measured nothing")
			}
			times[i] = append(times[i], t)
		}
		slices.Reverse(order)
	}
	c.fill(times)
	return c, nil
}

// fill makes the parts of the times.
func (c *comparison) fill(times [][]map[string]float64) {
	for _, name := range slices.Sorted(maps.Keys(times[0][0])) {
		p := comparedPart{Name: name, Times: make([][]float64, len(times)), Ratios: make([]float64, len(times))}
		for i, of := range times {
			var ratios []float64
			for round, t := range of {
				if s, ok := t[name]; ok {
					p.Times[i] = append(p.Times[i], s)
					ratios = append(ratios, s/times[0][round][name])
				}
			}
			p.Ratios[i] = median(ratios)
		}
		c.Parts = append(c.Parts, p)
	}
}

// median is that of numbers, or 0 of none.
func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
