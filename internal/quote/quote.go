// Package quote puts what came from outside into messages, cut to a length that can be
// read.
package quote

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Max is how many bytes of a value a message shows.
const Max = 200

// Value returns v as fmt's %v writes it, cut.
func Value(v any) string { return Cut(fmt.Sprint(v)) }

// Cut returns s, or its first Max bytes and how many there were.
func Cut(s string) string {
	if len(s) <= Max {
		return s
	}
	end := Max
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:end], len(s))
}

// Error returns err if its message is of a readable length, else an error with the
// message cut, which wraps err.
func Error(err error) error {
	const most = 4 * Max
	if err == nil || len(err.Error()) <= most {
		return err
	}
	return &long{err}
}

type long struct{ error }

func (e *long) Error() string { return Cut(e.error.Error()) }

func (e *long) Unwrap() error { return e.error }

// Lines joins the first 20 of lines, and says how many follow.
func Lines(lines []string, separator string) string {
	const most = 20
	if len(lines) <= most {
		return strings.Join(lines, separator)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(lines[:most], separator), separator, len(lines)-most)
}
