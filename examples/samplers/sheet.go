package main

import (
	"context"
	"fmt"
	"image"
	"time"

	"golang.org/x/image/draw"

	"sdgo/sampler"
)

const (
	gap       = 6
	textLine  = 16
	labelRoom = 24   // of the row's label, beside the text
	maxTitle  = 2048 // width; the rest of a long prompt is cut
)

// sheet draws a row of pictures for each sampler, with a column for each number
// of steps.
func (l *lab) sheet(ctx context.Context) (*canvas, error) {
	measure, err := newCanvas(1, 1)
	if err != nil {
		return nil, err
	}
	left := 0
	for _, info := range l.samplers {
		left = max(left, int(measure.width(info.Name))+labelRoom)
	}
	title := []string{fmt.Sprintf("%q", l.prompt), fmt.Sprintf("seed %d, guidance %g, %s levels to zero for all", l.seed, l.guidance, l.schedule)}
	width := left + len(l.steps)*(l.cell+gap)
	for _, line := range title {
		width = max(width, min(int(measure.width(line))+2*gap, maxTitle))
	}
	const top = 4 * textLine
	row := l.cell + textLine + gap
	c, err := newCanvas(width, top+len(l.samplers)*row)
	if err != nil {
		return nil, err
	}
	for i, line := range title {
		c.text(gap, float64(textLine*(i+1)), 0, black, line)
	}

	for i, info := range l.samplers {
		s, err := sampler.ByName(info.Name)
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		y := top + i*row
		c.text(gap, float64(y+l.cell/2), 0, black, info.Name)
		for j, steps := range l.steps {
			sigmas, err := l.levels(steps)
			if err != nil {
				return nil, err
			}
			result, err := l.run(ctx, info.Name, s, sigmas)
			if err != nil {
				return nil, err
			}
			x := left + j*(l.cell+gap)
			if i == 0 {
				c.text(float64(x+l.cell/2), top-gap, 0.5, black, fmt.Sprintf("%d steps", steps))
			}
			img := result.Images[0]
			draw.CatmullRom.Scale(c, image.Rect(x, y, x+l.cell, y+l.cell), img, img.Rect, draw.Src, nil)
			c.text(float64(x+l.cell/2), float64(y+l.cell+textLine-gap/2), 0.5, grey, fmt.Sprintf("%d calls", result.Timings.Calls))
		}
		fmt.Fprintf(l.progress, "sheet %d/%d: %s, %.1f s\n", i+1, len(l.samplers), info.Name, time.Since(begin).Seconds())
	}
	return c, nil
}
