package main

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

var (
	black = color.NRGBA{0x20, 0x20, 0x20, 0xff}
	grey  = color.NRGBA{0x80, 0x80, 0x80, 0xff}
	light = color.NRGBA{0xe4, 0xe4, 0xe4, 0xff}
)

// canvas is a white picture to draw on. Points are in pixels from the top left.
type canvas struct {
	*image.RGBA
	face   font.Face
	raster vector.Rasterizer
}

func newCanvas(width, height int) (*canvas, error) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 12, DPI: 72})
	if err != nil {
		return nil, err
	}
	c := &canvas{RGBA: image.NewRGBA(image.Rect(0, 0, width, height)), face: face}
	draw.Draw(c, c.Rect, image.White, image.Point{}, draw.Src)
	return c, nil
}

// width returns that of a text.
func (c *canvas) width(s string) float64 { return float64(font.MeasureString(c.face, s)) / 64 }

// text writes s on the baseline y. The share align of it, 0 to 1, stands left of x.
func (c *canvas) text(x, y, align float64, ink color.Color, s string) {
	d := font.Drawer{Dst: c, Src: image.NewUniform(ink), Face: c.face}
	d.Dot = fixed.Point26_6{X: fixed.Int26_6(math.Round(x-align*c.width(s)) * 64), Y: fixed.Int26_6(math.Round(y) * 64)}
	d.DrawString(s)
}

// line draws a line of some width.
func (c *canvas) line(x1, y1, x2, y2, width float64, ink color.Color) {
	length := math.Hypot(x2-x1, y2-y1)
	if length == 0 {
		return
	}
	nx, ny := (y1-y2)/length*width/2, (x2-x1)/length*width/2
	c.fill(ink, x1+nx, y1+ny, x2+nx, y2+ny, x2-nx, y2-ny, x1-nx, y1-ny)
}

// marker draws a regular polygon: 3 corners, 4, or a disc with many.
func (c *canvas) marker(x, y, radius float64, corners int, ink color.Color) {
	points := make([]float64, 0, 2*corners)
	for i := range corners {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(corners))
		points = append(points, x+radius*sin, y-radius*cos)
	}
	c.fill(ink, points...)
}

// fill fills the polygon of points x, y, x, y, …
func (c *canvas) fill(ink color.Color, points ...float64) {
	box := image.Rectangle{Min: c.Rect.Max, Max: c.Rect.Min}
	for i := 0; i < len(points); i += 2 {
		x, y := int(math.Floor(points[i])), int(math.Floor(points[i+1]))
		box.Min.X, box.Min.Y = min(box.Min.X, x), min(box.Min.Y, y)
		box.Max.X, box.Max.Y = max(box.Max.X, x+1), max(box.Max.Y, y+1)
	}
	c.raster.Reset(box.Dx(), box.Dy())
	for i := 0; i < len(points); i += 2 {
		x, y := float32(points[i]-float64(box.Min.X)), float32(points[i+1]-float64(box.Min.Y))
		if i == 0 {
			c.raster.MoveTo(x, y)
		} else {
			c.raster.LineTo(x, y)
		}
	}
	c.raster.ClosePath()
	c.raster.Draw(c.RGBA, box, image.NewUniform(ink), image.Point{})
}
