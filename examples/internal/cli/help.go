package cli

import (
	"flag"
	"fmt"
	"slices"
	"strings"
)

// groups are the flags that all examples have, as the help shows them. One that is in none
// stands under another title.
var groups = []struct{ title, names string }{
	{"Prompt", "from negative prompt2 negative2 syntax region base-weight clip-skip embedding"},
	{"Picture", "width height n seed window overlap wrap seamless o grid json no-metadata watermark quiet"},
	{"Sampling", "steps sampler schedule eta freeu"},
	{"Guidance", "guidance guider guidance-rescale guidance-interval"},
	{"Controls", "control control-image preprocess control-scale control-start control-end guess"},
	{"Image prompts", "ip-adapter image-prompt image-encoder ip-mask ip-blocks"},
	{"Model", "model variant unet vae text-encoder text-encoder-2 ema tokenizer prediction lora safety-checker"},
	{"Speed and memory", "precision weights cache device max-memory threads tile tile-exact reuse step-cache reuse-branch merge merge-levels"},
}

// help prints what the command does, examples, and the flags by groups: first its own.
func (c *Command) help() {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s.\n\nUsage: %[1]s %[3]s\n", c.Name(), c.about, c.arguments())
	if !c.wordless {
		b.WriteString("\nThe prompt - is read from standard input; all that follows -- is prompt.\n")
	}
	if len(c.Examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, line := range c.Examples {
			fmt.Fprintf(&b, "  %s %s\n", c.Name(), line)
		}
	}
	left := map[string]bool{}
	var own, others []string
	c.VisitAll(func(f *flag.Flag) {
		if left[f.Name] = true; !c.common[f.Name] {
			own = append(own, f.Name)
		}
	})
	if c.wordless {
		for _, name := range wordy {
			delete(left, name)
		}
	}
	section := func(title string, names []string) {
		names = slices.DeleteFunc(names, func(n string) bool { return !left[n] })
		if len(names) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s:\n", title)
		for _, n := range names { // one by one: together they would be sorted
			known := c.Lookup(n)
			f := flag.NewFlagSet("", flag.ContinueOnError)
			f.Var(known.Value, n, known.Usage)
			f.Lookup(n).DefValue = known.DefValue
			f.SetOutput(&b)
			f.PrintDefaults()
			delete(left, n)
		}
	}
	section("For "+c.Name(), own)
	for _, g := range groups {
		section(g.title, strings.Fields(g.names))
	}
	c.VisitAll(func(f *flag.Flag) { others = append(others, f.Name) })
	section("Others", others)
	fmt.Fprint(c.stdout, b.String())
}

// Describe calls f with all flags of a command, its own, too, in place of running it.
func (c *Command) Describe(f func(*flag.FlagSet)) { c.describe = f }
