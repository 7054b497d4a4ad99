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
	"path/filepath"
	"strings"
	"syscall"
)

// errDone ends a command that was only asked for help.
var errDone = flag.ErrHelp

// Main runs a command with the process's arguments until it returns or the user
// interrupts it. It does not return.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(Run(ctx, run, os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs a command and returns its exit status: 0, or 1 after an error, which
// it writes to stderr as one line.
func Run(ctx context.Context, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error, args []string, stdout, stderr io.Writer) int {
	err := run(ctx, args, stdout, stderr)
	switch {
	case err == nil, errors.Is(err, errDone):
		return 0
	case ctx.Err() != nil:
		err = errors.New("interrupted")
	}
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	fmt.Fprintf(stderr, "%s: %s\n", name, oneLine(err.Error()))
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
