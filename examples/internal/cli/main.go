// Package cli is what the example commands share: their flags, a progress bar,
// and the reading and writing of images.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"sdgo/diffusion"
)

// The exit statuses of a command. One that a signal ends has 128 and the signal's
// number, as shells have it: 130 after an interrupt.
const (
	failed  = 1
	misused = 2 // a wrong flag or value, or something missing
	signals = 128
)

// Main runs an example with the process's arguments until it returns or the user
// interrupts it. It does not return. Examples are what may stand behind the name.
func Main(name, about string, run func(context.Context, *Command, []string) error, examples ...string) {
	Program(name, func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		c := New(name, about, stdout, stderr)
		c.Examples = examples
		return c.Do(ctx, run, args)
	})
}

// Program is Main for a command with flags of its own.
func Program(name string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	signal.Ignore(syscall.SIGPIPE) // writes to a closed pipe return an error, and that of the progress loses no picture
	ctx, cancel := context.WithCancelCause(context.Background())
	received := make(chan os.Signal, 1)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-received
		signal.Stop(received) // the second one ends the process at once
		cancel(interruption{s})
	}()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	os.Exit(report(ctx, name, err, os.Args[1:], os.Stderr))
}

// Run runs a command and returns its exit status. An error is written to the
// command's stderr as one line.
func Run(ctx context.Context, c *Command, run func(context.Context, *Command, []string) error, args []string) int {
	return report(ctx, c.Name(), c.Do(ctx, run, args), args, c.stderr)
}

// Do runs a command within a program. It leaves no bar on the screen.
func (c *Command) Do(ctx context.Context, run func(context.Context, *Command, []string) error, args []string) error {
	err := run(ctx, c, args)
	c.progress.clear(err != nil && ctx.Err() != nil)
	return err
}

// interruption is why a command's context is done.
type interruption struct{ signal os.Signal }

func (i interruption) Error() string { return "interrupted" }

// report writes what a command ended with and returns its exit status.
func report(ctx context.Context, name string, err error, args []string, stderr io.Writer) int {
	status := failed
	switch misuse := (misuse{}); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil:
		status = signals + int(syscall.SIGINT)
		if i, ok := context.Cause(ctx).(interruption); ok && i.signal == syscall.SIGTERM {
			status = signals + int(syscall.SIGTERM)
		}
		err = interruption{}
	case errors.Is(err, syscall.EPIPE): // whoever reads the output has enough
		return signals + int(syscall.SIGPIPE)
	case errors.As(err, &misuse), errors.Is(err, diffusion.ErrOptions):
		status = misused
	}
	fmt.Fprintf(stderr, "%s: %s\n", name, OneLine(shorten(err.Error(), args)))
	return status
}
