package cli

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strconv"
	"strings"

	"sdgo/diffusion/preprocess"
)

// preprocessor makes of a picture what a network is steered by.
type preprocessor struct {
	name, about string
	numbers     []float64 // that may stand behind the name, by default
	whole       bool      // they are
	apply       func(img image.Image, n []float64) (image.Image, error)
}

var preprocessors = []preprocessor{
	{name: "none", about: "the picture as it is", apply: func(img image.Image, _ []float64) (image.Image, error) { return img, nil }},
	{name: "canny", about: "edges, between two thresholds", numbers: []float64{100, 200}, apply: func(img image.Image, n []float64) (image.Image, error) {
		return picture(preprocess.Canny(img, &preprocess.CannyOptions{Low: n[0], High: n[1]}))
	}},
	{name: "scribble", about: "the dark lines of a drawing, white on black", apply: func(img image.Image, _ []float64) (image.Image, error) {
		return picture(preprocess.Scribble(img))
	}},
	{name: "outline", about: "the edge of a mask, so many pixels wide", numbers: []float64{4}, whole: true, apply: func(img image.Image, n []float64) (image.Image, error) {
		return picture(preprocess.Outline(img, int(n[0])))
	}},
	{name: "blur", about: "shapes without detail, by a radius in pixels", numbers: []float64{9}, apply: func(img image.Image, n []float64) (image.Image, error) {
		return picture(preprocess.Blur(img, n[0]))
	}},
	{name: "tile", about: "the picture made coarse, by a factor", numbers: []float64{4}, whole: true, apply: func(img image.Image, n []float64) (image.Image, error) {
		return picture(preprocess.Tile(img, int(n[0])))
	}},
	{name: "color", about: "colors without shapes, in cells of so many pixels", numbers: []float64{64}, whole: true, apply: func(img image.Image, n []float64) (image.Image, error) {
		return picture(preprocess.ColorGrid(img, int(n[0])))
	}},
}

// picture is a picture of any type, or no picture with an error.
func picture[T image.Image](img T, err error) (image.Image, error) {
	if err != nil {
		return nil, err
	}
	return img, nil
}

// Preprocessors calls f with what the flag -preprocess knows, and what each makes.
func Preprocessors(f func(name, about string)) {
	for _, p := range preprocessors {
		f(p.name, p.about)
	}
}

// String is how the flag has it, with the numbers that are the default.
func (p preprocessor) String() string {
	var numbers []string
	for _, n := range p.numbers {
		numbers = append(numbers, strconv.FormatFloat(n, 'g', -1, 64))
	}
	if numbers == nil {
		return p.name
	}
	return p.name + ":" + strings.Join(numbers, ",")
}

// preprocessorNames are all, as the flag has them.
func preprocessorNames() string {
	var names []string
	for _, p := range preprocessors {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

// parsePreprocess reads a name and its numbers, such as blur:4, which it tries.
func parsePreprocess(s string) (func(image.Image) (image.Image, error), error) {
	name, text, given := strings.Cut(s, ":")
	i := slices.IndexFunc(preprocessors, func(p preprocessor) bool { return p.name == name })
	if i < 0 {
		return nil, fmt.Errorf("want one of %s", preprocessorNames())
	}
	p := preprocessors[i]
	numbers := slices.Clone(p.numbers)
	if given {
		parts := strings.Split(text, ",")
		if len(parts) != len(numbers) {
			return nil, fmt.Errorf("have %d numbers, want it as in %s", len(parts), p)
		}
		for i, part := range parts {
			var err error
			if numbers[i], err = p.number(part); err != nil {
				return nil, err
			}
		}
	}
	make := func(img image.Image) (image.Image, error) { return p.apply(img, numbers) }
	_, err := make(image.NewGray(image.Rect(0, 0, 1, 1))) // which tells of wrong numbers at once
	return make, err
}

func (p preprocessor) number(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("have %q, want a number as in %s", s, p)
	case p.whole && (n != math.Trunc(n) || math.Abs(n) > math.MaxInt32):
		return 0, fmt.Errorf("have %s, want a whole number, as in %s", s, p)
	}
	return n, nil
}
