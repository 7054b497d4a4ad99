package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	"sdgo/examples/tinyscenes"
	"sdgo/internal/weights"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// Parse reads the arguments, flags before and after the prompt, and checks what
// can be checked without the model. It answers -help, -sampler help
// and -schedule help, and then returns flag.ErrHelp.
func (c *Command) Parse(ctx context.Context, args []string) error {
	if c.describe != nil {
		c.describe(c.FlagSet)
		return flag.ErrHelp
	}
	if err := c.takeSettings(ctx, args); err != nil {
		return err
	}
	words, err := ParseFlags(c.FlagSet, args)
	if errors.Is(err, flag.ErrHelp) {
		c.help()
	}
	if err != nil {
		return err
	}
	if c.listed() {
		return flag.ErrHelp
	}
	given := map[string]bool{}
	c.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if err := c.check(given); err != nil {
		return Misuse(err)
	}
	c.overrule(given)
	c.noteKept(given)
	if given["guidance"] && c.Options.Guidance == 0 {
		c.Options.Guidance = 1 // off, as 0 is in diffusers
	}
	if err := c.settingsModel(); err != nil {
		return err
	}
	if c.wordless && c.model == "" {
		return misusef("-model: have none, want a model that reads no text: %s", c.usage())
	}
	if c.model == "" && (c.Options.Guider == nil || c.guider != "") {
		c.Options.Guidance = cmp.Or(c.Options.Guidance, tinyscenes.Guidance)
	}
	if err := c.scaleGuider(given["guidance"]); err != nil {
		return Misuse(err)
	}
	if c.model == "" {
		c.Options.Steps = cmp.Or(c.Options.Steps, tinyscenes.Steps)
	}
	if err := c.checkOutput(); err != nil {
		return err
	}
	if c.Prompt, err = c.readPrompt(ctx, words); err != nil {
		return err
	}
	if c.random {
		c.note("seed %d, drawn at random", c.Options.Seed)
	}
	return nil
}

// listed says whether the flags asked for a list of names, and prints it.
func (c *Command) listed() bool {
	switch {
	case c.sampler == "help":
		t := c.table()
		for _, info := range sampler.Names() {
			fmt.Fprintf(t, "%s\t%s\n", info.Name, info.Description)
		}
		t.Flush()
	case c.Options.Schedule == "help":
		t := c.table()
		for _, info := range scheduler.Names() {
			fmt.Fprintf(t, "%s\t%s\n", info.Name, info.Description)
		}
		t.Flush()
	case c.guider == guiderHelp:
		c.listGuiders()
	default:
		return false
	}
	return true
}

// table writes columns to standard output.
func (c *Command) table() *tabwriter.Writer { return tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0) }

// check checks the values of the flags that were given, and looks names up.
func (c *Command) check(given map[string]bool) error {
	for _, name := range []string{"steps", "width", "height", "n", "strength", "threads", "tile"} {
		// to the library a zero means the default
		if f := c.Lookup(name); given[name] && (f.Value.String() == "0" || strings.HasPrefix(f.Value.String(), "-")) {
			return fmt.Errorf("-%s: have %s, want more than 0", name, f.Value)
		}
	}
	if given["model"] && c.model == "" {
		return errors.New("-model: have an empty name, want a folder or file")
	}
	if _, err := weights.ParsePrecision(c.load.Precision); err != nil {
		return fmt.Errorf("-%w", err)
	}
	for _, name := range c.required {
		if c.Lookup(name).Value.String() == "" {
			return fmt.Errorf("-%s: have no file, want one: %s", name, c.usage())
		}
	}
	if given["sampler"] {
		info, schedule, err := sampler.ParseLabel(c.sampler)
		if err != nil {
			return fmt.Errorf("-sampler: %w (-sampler help lists all)", UnknownSampler(c.sampler))
		}
		if c.Options.Sampler, err = sampler.ByName(info.Name); err != nil {
			return fmt.Errorf("-sampler: %w", err)
		}
		if !given["schedule"] && schedule != "" {
			c.Options.Schedule = schedule
		}
	}
	if err := c.chooseGuider(); err != nil {
		return err
	}
	if name := c.Options.Schedule; given["schedule"] {
		if _, err := scheduler.Lookup(name); err != nil {
			return fmt.Errorf("-schedule: %w (-schedule help lists all)", UnknownSchedule(name))
		}
	}
	return nil
}

// usage is how the command is called.
func (c *Command) usage() string { return c.Name() + " " + c.arguments() }

func (c *Command) arguments() string {
	s := "[flags] "
	for _, name := range c.required {
		s += "-" + name + " file "
	}
	if c.wordless {
		return s + "-model path"
	}
	return s + "prompt"
}
