package cli

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"sdgo/diffusion"
	"sdgo/internal/atomicfile"
	"sdgo/internal/quote"
)

// standardOutput as a file's name means the command's.
const standardOutput = "-"

// names lists the files of a run. Numbers have as many digits as the last one, so
// that names sort.
func (c *Command) names() []string {
	n := c.Options.Images
	if n == 1 {
		return []string{c.output}
	}
	ext := filepath.Ext(c.output)
	digits := len(fmt.Sprint(n - 1))
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%0*d%s", strings.TrimSuffix(c.output, ext), digits, i, ext)
	}
	return names
}

// CheckPNGName refuses a file's name with the ending of another format.
func CheckPNGName(name string) error {
	if ext := filepath.Ext(name); ext != "" && !strings.EqualFold(ext, ".png") {
		return fmt.Errorf("have %s, want a name that ends in .png", name)
	}
	return nil
}

// checkOutput finds out before the run whether all its files can be written.
func (c *Command) checkOutput() error {
	if n := c.Options.Images; n < 1 || n > maxPictures {
		return misusef("-n: have %d, want 1 to %d", n, maxPictures)
	}
	if c.output == standardOutput {
		if c.more.json {
			return misusef("-json: have it beside -o - for standard output, want one of them there")
		}
		if c.Options.Images > 1 {
			return misusef("-o: have - for standard output, which takes one picture, and -n %d: want a file", c.Options.Images)
		}
		if f, ok := c.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return misusef("-o: standard output is a terminal, want a file or a pipe")
		}
		return nil
	}
	if c.output == "" {
		return misusef("-o: have an empty name, want a file, or - for standard output")
	}
	if err := CheckPNGName(c.output); err != nil {
		return misusef("-o: %w", err)
	}
	names := c.names()
	if c.hasGrid() {
		names = append(names, c.gridName())
	}
	if err := atomicfile.Check(names...); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return nil
}

// cut is a part of a prompt that had no effect.
type cut struct {
	What string `json:"of"`
	Text string `json:"text"`
}

// cuts are those of a run.
func cuts(r *diffusion.Result) []cut {
	return slices.DeleteFunc([]cut{
		{"prompt", r.Truncated}, {"negative prompt", r.TruncatedNegative},
		{"prompt of -prompt2", r.Truncated2}, {"prompt of -negative2", r.TruncatedNegative2},
	}, func(c cut) bool { return c.Text == "" })
}

// hasGrid says whether a contact sheet is wanted: of a single picture there is none.
func (c *Command) hasGrid() bool { return c.more.grid && c.Options.Images > 1 }

// Save writes the pictures, all or none, and tells what was cut from the prompt,
// which seed made which file, and how long everything took.
func (c *Command) Save(r *diffusion.Result) error {
	c.progress.clear(false)
	for _, cut := range cuts(r) {
		c.note("the %s is too long for the text encoder; left out: %q", cut.What, quote.Cut(cut.Text))
	}
	c.noteFlagged(r)
	names := c.names()
	grid := ""
	if c.hasGrid() {
		grid = c.gridName()
	}
	if err := c.write(names, grid, r); err != nil {
		return err
	}
	if c.more.json {
		if err := c.printJSON(names, grid, r); err != nil {
			return err
		}
	}
	if c.progress.quiet {
		return nil
	}
	for i, name := range names {
		if name == standardOutput {
			name = "standard output"
		}
		names[i] = fmt.Sprintf("%s (seed %d)", visible(name), r.Seeds[i])
	}
	t := r.Timings
	fmt.Fprintf(c.stderr, "%s: load %s, encode %s, %d steps %s%s, decode %s\n",
		strings.Join(names, ", "), seconds(c.loading), seconds(t.TextEncoder+t.VAEEncoder), c.progress.steps, seconds(t.Sampling), reused(r), seconds(t.VAEDecoder))
	return nil
}

// write writes all files before it puts the first one at its place.
func (c *Command) write(names []string, grid string, r *diffusion.Result) error {
	var files []*atomicfile.File
	defer func() {
		for _, f := range files {
			f.Discard()
		}
	}()
	add := func(name string, img image.Image, p *diffusion.Parameters) error {
		var b bytes.Buffer
		if err := diffusion.WritePNG(&b, img, p); err != nil {
			return err
		}
		if name == standardOutput {
			if _, err := c.stdout.Write(b.Bytes()); err != nil {
				return fmt.Errorf("-o: standard output: %v", err) // not wrapped: a closed pipe is worth a word here
			}
			return nil
		}
		f, err := atomicfile.Create(name)
		if err != nil {
			return err
		}
		files = append(files, f)
		_, err = f.Write(b.Bytes())
		return err
	}
	for i, img := range r.Images {
		if err := add(names[i], img, c.text(r, i)); err != nil {
			return err
		}
	}
	if grid != "" {
		if err := add(grid, sheet(r, maxSheet), c.text(r, 0)); err != nil {
			return err
		}
	}
	return atomicfile.Commit(files...)
}

// reused tells how many calls of the U-Net were not whole, over all images.
func reused(r *diffusion.Result) string {
	if r.Reused == nil {
		return ""
	}
	sum := 0
	for _, n := range r.Reused {
		sum += n
	}
	return fmt.Sprintf(" (%d of %d U-Net calls in part)", sum, r.Timings.Calls*len(r.Reused))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
