package cli

import (
	"fmt"
	"io"
)

// Amount shows how much of a work is done: as a bar on a terminal, elsewhere as a line for
// each tenth.
type Amount struct {
	bar   *progress
	shown int // percent
}

// NewAmount shows nothing if it is to be quiet.
func NewAmount(w io.Writer, quiet bool) *Amount {
	a := &Amount{bar: newProgress(w)}
	a.bar.quiet = quiet
	return a
}

// Show shows that so much of a total is done.
func (a *Amount) Show(done, total int64) {
	const tenth = 10
	percent := 100
	if total > 0 {
		percent = int(100 * float64(done) / float64(total))
	}
	switch {
	case a.bar.quiet || percent == a.shown:
	case a.bar.columns != nil:
		a.bar.draw(percent, 100)
		a.shown = percent
	case percent/tenth > a.shown/tenth:
		fmt.Fprintf(a.bar.w, "%d%%\n", percent)
		a.shown = percent
	}
}

// Clear takes the bar off the screen.
func (a *Amount) Clear(interrupted bool) { a.bar.clear(interrupted) }
