package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/diffusion"
)

func TestReport(t *testing.T) {
	long := strings.Repeat("é\n", 1000)
	done := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		return ctx
	}
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		err    error
		status int
		stderr string
	}{
		{"well", t.Context(), nil, 0, ""},
		{"well in the end", done(interruption{syscall.SIGINT}), nil, 0, ""},
		{"help", t.Context(), fmt.Errorf("x: %w", flag.ErrHelp), 0, ""},
		{"error", t.Context(), errors.New("two:\n  lines\r\nand \x1b[31m red"), 1, "test: two: lines; and \\x1b[31m red\n"},
		{"misuse", t.Context(), fmt.Errorf("x: %w", Misuse(errors.New("y"))), 2, "test: x: y\n"},
		{"option", t.Context(), fmt.Errorf("x: %w", diffusion.ErrOptions), 2, "test: x: diffusion: wrong options\n"},
		{"reader gone", t.Context(), fmt.Errorf("x: %w", syscall.EPIPE), 141, ""},
		{"canceled", done(nil), context.Canceled, 130, "test: interrupted\n"},
		{"interrupt", done(interruption{syscall.SIGINT}), errors.New("x"), 130, "test: interrupted\n"},
		{"terminated", done(interruption{syscall.SIGTERM}), errors.New("x"), 143, "test: interrupted\n"},
		{"long", t.Context(), fmt.Errorf("have %q", long), 1, "test: have \"" + strings.Repeat("é; ", 66) + "é… (3000 bytes)\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stderr strings.Builder
			assert.Equal(t, tt.status, report(tt.ctx, "test", tt.err, []string{"-prompt=" + long}, &stderr))
			assert.Equal(t, tt.stderr, stderr.String())
		})
	}
	assert.NoError(t, Misuse(nil))
}
