package diffusion

import (
	"image"
	"image/color"
)

// enlarged are the regions of a picture of one size in the same picture of another.
func enlarged(regions []Region, from, to image.Point) (large []Region) {
	for _, g := range regions {
		g.Box.Min, g.Box.Max = moved(g.Box.Min, from, to), moved(g.Box.Max, from, to)
		g.Feather = min(scaled(g.Feather, min(from.X, from.Y), min(to.X, to.Y)), maxSide)
		if g.Mask != nil {
			g.Mask = stretched{g.Mask, to}
		}
		large = append(large, g)
	}
	return large
}

// moved is where a point of a picture of one size is in the same of another.
func moved(p, from, to image.Point) image.Point {
	return image.Pt(scaled(p.X, from.X, to.X), scaled(p.Y, from.Y, to.Y))
}

// scaled is n of from as a whole number of to.
func scaled(n, from, to int) int { return (n*to + from/2) / from }

// stretched shows an image in another size, without memory for it: the nearest pixels.
type stretched struct {
	image.Image
	size image.Point
}

func (s stretched) Bounds() image.Rectangle { return image.Rectangle{Max: s.size} }

func (s stretched) At(x, y int) color.Color {
	b := s.Image.Bounds()
	return s.Image.At(b.Min.X+x*b.Dx()/s.size.X, b.Min.Y+y*b.Dy()/s.size.Y)
}
