package main

import (
	"fmt"
	"image/color"
	"math"
)

// axes maps calls and distances, both in logs, to pixels of a frame.
type axes struct {
	*canvas
	left, top, right, bottom   float64
	minX, maxX, lowest, larger float64 // in log10: calls, then distances
}

// palette is Tableau's, ten colors; markers tell further tens apart.
var palette = []color.NRGBA{
	{0x4e, 0x79, 0xa7, 0xff}, {0xf2, 0x8e, 0x2b, 0xff}, {0xe1, 0x57, 0x59, 0xff}, {0x76, 0xb7, 0xb2, 0xff}, {0x59, 0xa1, 0x4f, 0xff},
	{0xed, 0xc9, 0x48, 0xff}, {0xb0, 0x7a, 0xa1, 0xff}, {0xff, 0x9d, 0xa7, 0xff}, {0x9c, 0x75, 0x5f, 0xff}, {0x30, 0x30, 0x30, 0xff},
}

var markers = []int{24, 3, 4} // corners

// drawPlot draws curves in a frame, with a legend beside it.
func drawPlot(curves []curve, title, subtitle, below string) (*canvas, error) {
	c, err := newCanvas(960, 680)
	if err != nil {
		return nil, err
	}
	a := &axes{canvas: c, left: 70, top: 64, right: 750, bottom: 620}
	a.fit(curves)
	a.text(a.left, 24, 0, black, title)
	a.text(a.left, 24+textLine, 0, grey, subtitle)
	a.text((a.left+a.right)/2, a.bottom+40, 0.5, black, below)
	a.text(gap, a.top-gap, 0, black, "RMS distance")
	a.grid()
	a.guide(1)
	a.guide(2)
	a.guide(3)
	for i, curve := range curves {
		ink, corners := palette[i%len(palette)], markers[i/len(palette)%len(markers)]
		for j, p := range curve.points {
			x, y, ok := a.at(p)
			if !ok {
				continue
			}
			if j > 0 {
				if fromX, fromY, ok := a.at(curve.points[j-1]); ok {
					a.line(fromX, fromY, x, y, 1.6, ink)
				}
			}
			a.marker(x, y, 4, corners, ink)
		}
		y := a.top + float64(i)*textLine + 8
		a.line(a.right+16, y, a.right+40, y, 1.6, ink)
		a.marker(a.right+28, y, 4, corners, ink)
		a.text(a.right+48, y+4, 0, black, curve.name)
	}
	return c, nil
}

// fit chooses the ranges: a little more than the calls, whole decades of distance.
func (a *axes) fit(curves []curve) {
	a.minX, a.maxX, a.lowest, a.larger = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, curve := range curves {
		for _, p := range curve.points {
			a.minX, a.maxX = min(a.minX, math.Log10(float64(p.calls))), max(a.maxX, math.Log10(float64(p.calls)))
			if p.distance > 0 {
				a.lowest, a.larger = min(a.lowest, math.Log10(p.distance)), max(a.larger, math.Log10(p.distance))
			}
		}
	}
	if a.lowest > a.larger { // no distance but zero
		a.lowest, a.larger = -1, 0
	}
	if a.minX > a.maxX { // no point at all
		a.minX, a.maxX = 0, 1
	}
	a.minX, a.maxX = a.minX-0.05, a.maxX+0.05
	a.lowest, a.larger = math.Floor(a.lowest), math.Ceil(a.larger)
	if a.lowest == a.larger {
		a.lowest--
	}
}

func (a *axes) x(log float64) float64 {
	return a.left + (log-a.minX)/(a.maxX-a.minX)*(a.right-a.left)
}
func (a *axes) y(log float64) float64 {
	return a.bottom - (log-a.lowest)/(a.larger-a.lowest)*(a.bottom-a.top)
}

// at returns where a point lies; no distance at all lies nowhere.
func (a *axes) at(p point) (x, y float64, ok bool) {
	return a.x(math.Log10(float64(p.calls))), a.y(math.Log10(p.distance)), p.distance > 0
}

// grid draws lines at 1, 2 and 5 times each power of ten of calls, and at each
// power of distance.
func (a *axes) grid() {
	for decade := math.Floor(a.minX); decade <= a.maxX; decade++ {
		for _, digit := range []float64{1, 2, 5} {
			log := decade + math.Log10(digit)
			if log < a.minX || log > a.maxX {
				continue
			}
			a.line(a.x(log), a.top, a.x(log), a.bottom, 1, light)
			a.text(a.x(log), a.bottom+textLine, 0.5, black, fmt.Sprintf("%g", math.Round(math.Pow(10, log))))
		}
	}
	for log := a.lowest; log <= a.larger; log++ {
		a.line(a.left, a.y(log), a.right, a.y(log), 1, light)
		a.text(a.left-gap, a.y(log)+4, 1, black, fmt.Sprintf("1e%g", log))
	}
	for _, y := range []float64{a.top, a.bottom} {
		a.line(a.left, y, a.right, y, 1, grey)
	}
	for _, x := range []float64{a.left, a.right} {
		a.line(x, a.top, x, a.bottom, 1, grey)
	}
}

// guide draws a dashed line from the upper left corner with the slope of a method
// of some order.
func (a *axes) guide(order float64) {
	run := min(a.maxX-a.minX, (a.larger-a.lowest)/order)
	endX, endY := a.x(a.minX+run), a.y(a.larger-order*run)
	const dashes = 60
	for i := range dashes {
		from, to := float64(i)/dashes, (float64(i)+0.5)/dashes
		a.line(a.left+from*(endX-a.left), a.top+from*(endY-a.top), a.left+to*(endX-a.left), a.top+to*(endY-a.top), 1, grey)
	}
	a.text(endX-gap, endY-2*gap, 1, grey, fmt.Sprintf("order %g", order))
}
