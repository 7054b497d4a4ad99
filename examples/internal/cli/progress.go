package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"sdgo/diffusion"
)

const (
	barWidth = 40 // at most
	minBar   = 5  // a shorter one says nothing
	// The columns that a line leaves free: two for the ^C that a terminal shows after
	// it, and the last one, beyond which some go on to the next line.
	margin = 3
	echo   = 2
)

// progress shows the steps of a run: as a bar on a terminal, elsewhere as lines.
type progress struct {
	w       io.Writer
	columns func() int // of the terminal; nil if w is none
	quiet   bool
	steps   int // done

	shown    int // columns of the line that is on the screen
	drawnFor int // columns that the terminal had then

	// since is when the step from was done; before the first one is seen, when the
	// model was there.
	since time.Time
	from  int
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		p.columns = func() int {
			columns, _, err := term.GetSize(int(f.Fd()))
			if err != nil || columns <= 0 { // such as a serial line
				return 80
			}
			return columns
		}
	}
	return p
}

func (p *progress) step(s diffusion.Step) error {
	p.steps = s.Step
	switch {
	case p.quiet:
	case p.columns == nil:
		fmt.Fprintf(p.w, "step %d/%d\n", s.Step, s.Steps)
	default:
		p.draw(s.Step, s.Steps)
	}
	return nil
}

// draw draws the bar on a terminal.
func (p *progress) draw(step, steps int) {
	columns := p.columns()
	if columns != p.drawnFor { // the terminal may have wrapped the line, or unwrapped one
		p.shown, p.drawnFor = columns, columns
	}
	line := bar(step, steps, p.left(step, steps, time.Now()), columns)
	blank := max(0, min(p.shown, columns-1)-len(line))
	fmt.Fprintf(p.w, "\r%s%*s", line, blank, "")
	if blank > 0 { // the cursor stands at the end of the line
		fmt.Fprintf(p.w, "\r%s", line)
	}
	p.shown = len(line)
}

// left tells the time that the steps to come will take, if they take as long as
// those before. Zero means that none are left, or that it is not known.
func (p *progress) left(step, steps int, now time.Time) time.Duration {
	if p.since.IsZero() || step <= p.from {
		return 0
	}
	each := now.Sub(p.since) / time.Duration(step-p.from)
	if p.from == 0 { // from now on without what came before the first step
		p.since, p.from = now, step
	}
	return each * time.Duration(steps-step)
}

// bar draws a line for a terminal of so many columns: what there is room for of a
// bar, the count and the time left.
func bar(step, steps int, left time.Duration, columns int) string {
	room := max(0, columns-margin)
	line := fmt.Sprintf("%d/%d", step, steps)
	if timed := line + ", " + clock(left) + " left"; left > 0 && len(timed) <= room {
		line = timed
	}
	if len(line) > room {
		return ""
	}
	const frame = len("[] ")
	width := min(barWidth, room-len(line)-frame)
	if width < minBar {
		return line
	}
	done := width * step / steps
	return fmt.Sprintf("[%s%s] %s", strings.Repeat("#", done), strings.Repeat(".", width-done), line)
}

// clock writes a time as 1:02:03, 2:03 or 0:03, rounded up.
func clock(d time.Duration) string {
	s := int((d + time.Second - 1) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// clear takes the line off the screen, and with it the ^C of an interruption.
func (p *progress) clear(interrupted bool) {
	if p.columns == nil || p.shown == 0 && !interrupted {
		return
	}
	columns := p.columns()
	if columns != p.drawnFor {
		p.shown = columns
	}
	fmt.Fprintf(p.w, "\r%*s\r", max(0, min(p.shown+echo, columns-1)), "")
	p.shown = 0
}
