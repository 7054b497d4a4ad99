package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"sdgo/diffusion"
)

const barWidth = 40

// progress shows the steps of a run: as a bar on a terminal, elsewhere as lines.
type progress struct {
	w        io.Writer
	terminal bool
	width    int // of the bar that is on the screen
	steps    int // done
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

func (p *progress) step(s diffusion.Step) error {
	p.steps = s.Step
	if !p.terminal {
		fmt.Fprintf(p.w, "step %d/%d\n", s.Step, s.Steps)
		return nil
	}
	done := barWidth * s.Step / s.Steps
	bar := fmt.Sprintf("[%s%s] %d/%d", strings.Repeat("#", done), strings.Repeat(".", barWidth-done), s.Step, s.Steps)
	p.width = len(bar)
	fmt.Fprintf(p.w, "\r%s", bar)
	return nil
}

// clear takes the bar off the screen.
func (p *progress) clear() {
	if p.width > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.width, "")
		p.width = 0
	}
}
