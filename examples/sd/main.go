// Command sd makes pictures by Stable Diffusion. It has a subcommand for each of the other
// examples that make some, and for models that read no text:
//
//	sd txt2img "a red house on a green hill under a yellow sun"
//	sd img2img -image out.png -strength 0.6 "a blue house on a green hill under a yellow sun"
//	sd info out.png
//
// sd help lists them, and sd help txt2img tells more of one.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/commands"
	"sdgo/internal/spelling"
)

func main() { cli.Program("sd", run) }

// subcommand is what may stand behind sd.
type subcommand struct {
	name, about string
	run         func(ctx context.Context, args []string, stdout, stderr io.Writer) error

	flags func() *flag.FlagSet // all of them, for completion; nil if there are none
	words []string             // that may follow
}

// subcommands lists them: those that make pictures, and then the others.
func subcommands() (list []subcommand) {
	for _, c := range commands.All() {
		list = append(list, picture(c))
	}
	var names []string
	for _, s := range list {
		names = append(names, s.name)
	}
	return append(list,
		subcommand{name: "info", about: infoAbout, run: info, flags: infoFlags},
		subcommand{name: "completion", about: "prints a shell's script that completes what is typed", run: completion, words: shells()},
		subcommand{name: "help", about: "tells more of a subcommand", run: help, words: append(names, "info")},
	)
}

// picture is the subcommand of an example that makes pictures.
func picture(c *commands.Command) subcommand {
	build := func(stdout, stderr io.Writer) *cli.Command {
		made := cli.New("sd "+c.Name, c.About, stdout, stderr)
		made.Examples = c.Examples
		return made
	}
	return subcommand{
		name: c.Name, about: c.About,
		run: func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
			return build(stdout, stderr).Do(ctx, c.Run, args)
		},
		flags: func() (flags *flag.FlagSet) {
			made := build(io.Discard, io.Discard)
			made.Describe(func(f *flag.FlagSet) { flags = f })
			_ = made.Do(context.Background(), c.Run, nil) // which ends as -help does
			return flags
		},
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return cli.Misuse(fmt.Errorf("have no subcommand, want one such as txt2img: sd subcommand [flags] (sd help lists them)"))
	}
	name, rest := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help":
		return help(ctx, nil, stdout, stderr)
	case "__complete":
		return complete(rest, stdout)
	}
	s, err := find(name)
	if err != nil {
		return err
	}
	return s.run(ctx, rest, stdout, stderr)
}

// near is how many names a message has for one that is not known.
const near = 3

// find returns the subcommand of a name.
func find(name string) (subcommand, error) {
	list := subcommands()
	for _, s := range list {
		if s.name == name {
			return s, nil
		}
	}
	spelling.Sort(list, name, func(s subcommand) []string { return []string{s.name} })
	var names []string
	for _, s := range list[:near] {
		names = append(names, s.name)
	}
	return subcommand{}, cli.Misuse(fmt.Errorf("have subcommand %q, want one of %s (sd help lists them)", name, strings.Join(names, ", ")))
}

// help lists the subcommands, or tells more of one.
func help(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		s, err := find(args[0])
		if err != nil {
			return err
		}
		if s.flags != nil {
			return s.run(ctx, []string{"-help"}, stdout, stderr)
		}
		args = nil
	}
	var b strings.Builder
	b.WriteString("sd makes pictures by Stable Diffusion.\n\nUsage: sd subcommand [flags] ...\n\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, s := range subcommands() {
		fmt.Fprintf(t, "  %s\t%s\n", s.name, s.about)
	}
	t.Flush()
	b.WriteString("\nExamples:\n")
	for _, c := range commands.All() {
		fmt.Fprintf(&b, "  sd %s %s\n", c.Name, c.Examples[0])
	}
	b.WriteString("  sd info out.png\n\nsd help txt2img, or sd txt2img -help, lists the flags of one.\n")
	_, err := io.WriteString(stdout, b.String())
	return err
}
