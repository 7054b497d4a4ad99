// Package cli is what the example commands share: their flags, a progress bar,
// and the reading and writing of images.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Main runs an example with the process's arguments until it returns or the user
// interrupts it. It does not return.
func Main(name, about string, run func(context.Context, *Command, []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(Run(ctx, New(name, about, os.Stdout, os.Stderr), run, os.Args[1:]))
}

// Run runs a command and returns its exit status: 0, or 1 after an error, which
// it writes to the command's stderr as one line.
func Run(ctx context.Context, c *Command, run func(context.Context, *Command, []string) error, args []string) int {
	err := run(ctx, c, args)
	c.progress.clear()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil:
		err = errors.New("interrupted")
	}
	fmt.Fprintf(c.stderr, "%s: %s\n", c.Name(), oneLine(err.Error()))
	return 1
}

// oneLine joins the lines of a message, such as the list of a model's missing
// weights.
func oneLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": ")
}
