package cli

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"path/filepath"
	"strings"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"sdgo/diffusion"
)

const (
	maxSheet   = 4096 // pixels of a contact sheet's side
	sheetGap   = 6
	sheetLabel = 16 // pixels below a picture, for its seed
)

// gridName is the file of the contact sheet.
func (c *Command) gridName() string {
	ext := filepath.Ext(c.output)
	return strings.TrimSuffix(c.output, ext) + "-grid" + ext
}

// sheet lays the pictures out in rows, as nearly square as they go, each with its seed below.
// They are made smaller where the sheet would have more than so many pixels a side.
func sheet(r *diffusion.Result, most int) *image.NRGBA {
	n := len(r.Images)
	columns := int(math.Ceil(math.Sqrt(float64(n))))
	rows := (n + columns - 1) / columns
	size := r.Images[0].Bounds().Size()
	room := image.Pt((most-sheetGap)/columns-sheetGap, (most-sheetGap)/rows-sheetGap-sheetLabel)
	if scale := min(float64(room.X)/float64(size.X), float64(room.Y)/float64(size.Y)); scale < 1 {
		size = image.Pt(max(1, int(scale*float64(size.X))), max(1, int(scale*float64(size.Y))))
	}
	cell := size.Add(image.Pt(sheetGap, sheetGap+sheetLabel))
	out := image.NewNRGBA(image.Rect(0, 0, columns*cell.X+sheetGap, rows*cell.Y+sheetGap))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	for i, img := range r.Images {
		at := image.Pt(sheetGap+i%columns*cell.X, sheetGap+i/columns*cell.Y)
		to := image.Rectangle{Min: at, Max: at.Add(size)}
		if size == img.Bounds().Size() {
			draw.Draw(out, to, img, img.Bounds().Min, draw.Src)
		} else {
			draw.CatmullRom.Scale(out, to, img, img.Bounds(), draw.Src, nil)
		}
		label(out, image.Rect(to.Min.X, to.Max.Y, to.Max.X, to.Max.Y+sheetLabel), fmt.Sprint("seed ", r.Seeds[i]))
	}
	return out
}

// label writes text into a part of an image, as much as there is room for.
func label(img *image.NRGBA, in image.Rectangle, text string) {
	face := basicfont.Face7x13
	d := font.Drawer{Dst: img.SubImage(in).(*image.NRGBA), Src: image.NewUniform(color.NRGBA{40, 40, 40, 255}), Face: face}
	d.Dot = fixed.P(in.Min.X, in.Min.Y+2+face.Ascent)
	d.DrawString(text)
}
