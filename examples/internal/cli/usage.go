package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"sdgo/internal/spelling"
)

// misuse is an error of the user's in what the command was asked for.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

// Misuse marks an error as the user's, in what the command was asked for. Nil
// stays nil.
func Misuse(err error) error {
	if err == nil {
		return nil
	}
	return misuse{err}
}

func misusef(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// ParseFlags parses flags wherever they stand and returns the other arguments. All
// that follows "--" is no flag. For -help it returns flag.ErrHelp.
func ParseFlags(f *flag.FlagSet, args []string) (words []string, err error) {
	f.SetOutput(io.Discard) // errors are returned, and printed once
	f.Usage = func() {}
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			return append(words, args[1:]...), nil
		}
		if arg == "-" || !strings.HasPrefix(arg, "-") {
			words, args = append(words, arg), args[1:]
			continue
		}
		n := min(length(f, arg), len(args))
		if err := f.Parse(args[:n]); err != nil {
			return nil, explain(f, args[:n], err)
		}
		args = args[n:]
	}
	return words, nil
}

// NoArguments wants flags alone.
func NoArguments(f *flag.FlagSet, args []string) error {
	words, err := ParseFlags(f, args)
	if err == nil && len(words) > 0 {
		return misusef("have argument %q, want flags only", words[0])
	}
	return err
}

// flagName returns the name of a flag in an argument, and whether its value is in it, too.
func flagName(arg string) (name string, value bool) {
	name, _, value = strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	return name, value
}

// length is how many arguments a flag takes, itself included.
func length(f *flag.FlagSet, arg string) int {
	name, value := flagName(arg)
	known := f.Lookup(name)
	if value || known == nil || IsSwitch(known) {
		return 1
	}
	return 2
}

// IsSwitch says whether a flag takes no value.
func IsSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// explain makes a better message of one of package flag's.
func explain(f *flag.FlagSet, args []string, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	name, _ := flagName(args[0])
	known := f.Lookup(name)
	if known == nil {
		if !strings.Contains(err.Error(), "not defined") { // bad syntax
			return misuse{err}
		}
		var names []string
		f.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		spelling.Sort(names, name, func(n string) []string { return []string{n} })
		return misusef("flag provided but not defined: -%s; want one of -%s (-help lists all)", name, strings.Join(names[:min(len(names), near)], ", -"))
	}
	getter, ok := known.Value.(flag.Getter)
	if _, value, both := strings.Cut(strings.Join(args, "="), "="); ok && both {
		switch getter.Get().(type) {
		case int:
			return misusef("-%s: have %q, want a whole number", name, value)
		case uint64:
			return misusef("-%s: have %q, want a whole number, 0 or more", name, value)
		case float64:
			return misusef("-%s: have %q, want a number", name, value)
		case bool:
			return misusef("-%s: have %q, want true or false", name, value)
		}
	}
	return misuse{err}
}

// Help prints what a command does, how it is called, and its flags.
func Help(w io.Writer, f *flag.FlagSet, about, arguments string) {
	fmt.Fprintf(w, "%s %s.\n\nUsage: %[1]s %[3]s\n\n", f.Name(), about, arguments)
	f.SetOutput(w)
	f.PrintDefaults()
}
