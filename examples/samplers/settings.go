package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"sdgo/examples/internal/cli"
	"sdgo/examples/tinyscenes"
	"sdgo/internal/atomicfile"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// settings are what the flags say.
type settings struct {
	prompt           string
	guidance         float64
	seed             uint64
	schedule         string
	samplers         []sampler.Info
	steps, plotSteps []int
	sheet, plot      string // files
	cell             int    // side of a picture in the sheet
	reference        int    // steps of the plot's reference
	threads          int
}

const (
	maxCell      = 1024
	maxSteps     = 999 // one less than the training levels, as the plot's runs have no level zero
	maxReference = 100_000
)

// parse reads the flags.
func parse(args []string, stdout io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("samplers", flag.ContinueOnError)
	f.StringVar(&s.sheet, "o-sheet", "out-sheet.png", "the PNG `file` for the sheet; empty for none")
	f.StringVar(&s.plot, "o-plot", "out-plot.png", "the PNG `file` for the plot; empty for none")
	names := f.String("samplers", "all", "`names` of samplers, separated by commas")
	steps := f.String("steps", "5,10,15,25,40", "step `counts` of the sheet's columns")
	plotSteps := f.String("plot-steps", "5,10,20,40,80", "step `counts` of the plot's points")
	f.IntVar(&s.reference, "reference-steps", 1000, "steps of the run that the plot measures the distance to")
	f.StringVar(&s.schedule, "schedule", "karras", "`name` of the noise levels, which are the same for all samplers")
	f.StringVar(&s.prompt, "prompt", "a red house on a green hill under a yellow sun", "the `text` to draw")
	f.Float64Var(&s.guidance, "guidance", tinyscenes.Guidance, "guidance scale; 1 and less turns it off")
	f.Uint64Var(&s.seed, "seed", 3, "seed of the noise")
	f.IntVar(&s.cell, "cell", 128, "side of a picture in the sheet in `pixels`")
	f.IntVar(&s.threads, "threads", 0, "goroutines that compute (default one for each processor)")
	if err := cli.NoArguments(f, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			cli.Help(stdout, f, "compares samplers on the demo model", "[flags]")
		}
		return s, err
	}
	return s, cli.Misuse(s.checkFlags(*names, *steps, *plotSteps))
}

// checkFlags checks the values of the flags and reads the lists among them.
func (s *settings) checkFlags(names, steps, plotSteps string) error {
	switch {
	case s.sheet == "" && s.plot == "":
		return errors.New("-o-sheet, -o-plot: both are empty, want a file")
	case s.sheet == s.plot:
		return fmt.Errorf("-o-sheet, -o-plot: have %s for both, want two files", s.sheet)
	case s.sheet == "-" || s.plot == "-":
		return errors.New("-o-sheet, -o-plot: have - for standard output, want a file")
	case !(s.guidance >= 0 && s.guidance <= 1000):
		return fmt.Errorf("-guidance: have %v, want 0 to 1000", s.guidance)
	case s.cell < 8 || s.cell > maxCell:
		return fmt.Errorf("-cell: have %d, want 8 to %d", s.cell, maxCell)
	case s.reference < 1 || s.reference > maxReference:
		return fmt.Errorf("-reference-steps: have %d, want 1 to %d", s.reference, maxReference)
	case s.threads < 0:
		return fmt.Errorf("-threads: have %d, want 0 or more", s.threads)
	}
	if err := cli.CheckPNGName(s.sheet); err != nil {
		return fmt.Errorf("-o-sheet: %w", err)
	}
	if err := cli.CheckPNGName(s.plot); err != nil {
		return fmt.Errorf("-o-plot: %w", err)
	}
	if s.guidance == 0 {
		s.guidance = 1 // to the library zero means the default
	}
	if _, err := scheduler.Lookup(s.schedule); err != nil {
		return fmt.Errorf("-schedule: %w", cli.UnknownSchedule(s.schedule))
	}
	var err error
	if s.samplers, err = parseSamplers(names); err != nil {
		return fmt.Errorf("-samplers: %w", err)
	}
	if s.steps, err = parseSteps(steps); err != nil {
		return fmt.Errorf("-steps: %w", err)
	}
	if s.plotSteps, err = parseSteps(plotSteps); err != nil {
		return fmt.Errorf("-plot-steps: %w", err)
	}
	return nil
}

// checkFiles finds out before the first run whether both files can be written.
func (s *settings) checkFiles() error {
	for _, file := range []struct{ flag, name string }{{"-o-sheet", s.sheet}, {"-o-plot", s.plot}} {
		if file.name == "" {
			continue
		}
		if err := atomicfile.Check(file.name); err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	return nil
}

func parseSamplers(list string) ([]sampler.Info, error) {
	if list == "all" {
		return sampler.Names(), nil
	}
	var out []sampler.Info
	for name := range strings.SplitSeq(list, ",") {
		info, err := sampler.Lookup(name)
		if err != nil {
			return nil, cli.UnknownSampler(name)
		}
		if slices.ContainsFunc(out, func(i sampler.Info) bool { return i.Name == info.Name }) {
			return nil, fmt.Errorf("have %s twice", info.Name)
		}
		out = append(out, info)
	}
	return out, nil
}

// parseSteps reads step counts; they rise, as the plot's lines go from left to
// right.
func parseSteps(list string) ([]int, error) {
	var out []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 || n > maxSteps {
			return nil, fmt.Errorf("have %q, want numbers from 1 to %d, separated by commas", word, maxSteps)
		}
		if len(out) > 0 && n <= out[len(out)-1] {
			return nil, fmt.Errorf("have %d after %d, want rising numbers", n, out[len(out)-1])
		}
		out = append(out, n)
	}
	return out, nil
}
