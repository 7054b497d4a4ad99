package main

import (
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

const (
	letterWidth = 7
	lineHeight  = 13
)

// label draws text into the columns from x to right, broken between words.
func label(img *image.NRGBA, x, y, right int, text string) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(color.NRGBA{40, 40, 40, 255}), Face: basicfont.Face7x13}
	at := x
	for _, word := range strings.Fields(text) {
		if at > x && at+letterWidth*len(word) > right {
			at, y = x, y+lineHeight
		}
		d.Dot = fixed.P(at, y+basicfont.Face7x13.Ascent)
		d.DrawString(word)
		at += letterWidth * (len(word) + 1)
	}
}
