package preprocess

import (
	"fmt"
	"image"
	"math"
)

// CannyOptions say how edges are found. The zero value is the default.
type CannyOptions struct {
	// Low and High are the thresholds of the gradient: an edge begins above High and goes on
	// above Low. Both zero mean 100 and 200. They are swapped if Low is above High.
	Low, High float64
	// Aperture is the side of Sobel's filters, 3 or 5. Zero means 3.
	Aperture int
	// L2 takes the length of the gradient, √(dx²+dy²), for its size, in place of |dx|+|dy|.
	L2 bool
}

// Canny finds the edges of a picture (Canny 1986): white on black, one pixel wide. It is
// cv2.Canny(image, low, high, apertureSize, L2gradient), byte for byte: of a picture in color
// each pixel has the gradient of the channel in which that is largest, and an *image.Gray has
// one. Options may be nil.
//
// https://doi.org/10.1109/TPAMI.1986.4767851
func Canny(img image.Image, o *CannyOptions) (*image.Gray, error) {
	c := CannyOptions{}
	if o != nil {
		c = *o
	}
	if c.Low == 0 && c.High == 0 {
		c.Low, c.High = 100, 200
	}
	if c.Aperture == 0 {
		c.Aperture = 3
	}
	switch {
	case c.Aperture != 3 && c.Aperture != 5:
		return nil, fmt.Errorf("preprocess: canny: have an aperture of %d, want 3 or 5", c.Aperture)
	case !(c.Low >= 0 && c.High >= 0) || math.IsInf(c.Low, 0) || math.IsInf(c.High, 0):
		return nil, fmt.Errorf("preprocess: canny: have thresholds %v and %v, want positive numbers", c.Low, c.High)
	}
	p, err := read(img)
	if err != nil {
		return nil, err
	}
	g := newGradient(p, c.Aperture, c.L2)
	return g.edges(c.thresholds()), nil
}

// maxThreshold is the largest that OpenCV squares.
const maxThreshold = 32767

// thresholds are those that whole gradients are compared with.
func (c *CannyOptions) thresholds() (low, high int32) {
	l, h := min(c.Low, c.High), max(c.Low, c.High)
	if c.L2 {
		l, h = min(l, maxThreshold), min(h, maxThreshold)
		l, h = l*l, h*h
	}
	floor := func(v float64) int32 { return int32(math.Floor(min(v, math.MaxInt32))) }
	return floor(l), floor(h)
}

// gradient is that of a picture at each pixel: its direction, and its size with a border of
// zeros around.
type gradient struct {
	w, h   int
	dx, dy []int16
	size   []int32 // [H+2 W+2]
}

// smooth and slope are the factors of Sobel's filters.
var (
	smooth = map[int][]int32{3: {1, 2, 1}, 5: {1, 4, 6, 4, 1}}
	slope  = map[int][]int32{3: {-1, 0, 1}, 5: {-1, -2, 0, 2, 1}}
)

// newGradient takes of each pixel the channel with the largest gradient, the first of
// several.
func newGradient(p *picture, aperture int, l2 bool) *gradient {
	g := &gradient{w: p.w, h: p.h, dx: make([]int16, p.w*p.h), dy: make([]int16, p.w*p.h), size: make([]int32, (p.w+2)*(p.h+2))}
	along, across, half := smooth[aperture], slope[aperture], aperture/2
	for y := range p.h {
		for x := range p.w {
			best := int32(-1)
			for c := range p.channels {
				var dx, dy int32
				for i := -half; i <= half; i++ {
					row := min(max(y+i, 0), p.h-1) * p.w
					for j := -half; j <= half; j++ {
						v := int32(p.pix[(row+min(max(x+j, 0), p.w-1))*p.channels+c])
						dx += v * along[i+half] * across[j+half]
						dy += v * across[i+half] * along[j+half]
					}
				}
				size := max(dx, -dx) + max(dy, -dy)
				if l2 {
					size = dx*dx + dy*dy
				}
				if size > best {
					best = size
					g.dx[y*p.w+x], g.dy[y*p.w+x] = int16(dx), int16(dy)
				}
			}
			g.size[(y+1)*(p.w+2)+x+1] = best
		}
	}
	return g
}

// What a pixel may be, before weak ones beside edges become edges.
const (
	none uint8 = iota
	weak
	edge = 255
)

// edges are the pixels whose gradient is larger than those before and behind it in its
// direction, and above the thresholds.
func (g *gradient) edges(low, high int32) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, g.w, g.h))
	var strong []int32
	for y := range g.h {
		for x := range g.w {
			i := y*g.w + x
			switch size := g.size[(y+1)*(g.w+2)+x+1]; {
			case size <= low || !g.peak(x, y):
			case size > high:
				out.Pix[i] = edge
				strong = append(strong, int32(i))
			default:
				out.Pix[i] = weak
			}
		}
	}
	for len(strong) > 0 {
		i := int(strong[len(strong)-1])
		strong = strong[:len(strong)-1]
		for y := max(i/g.w-1, 0); y <= min(i/g.w+1, g.h-1); y++ {
			for x := max(i%g.w-1, 0); x <= min(i%g.w+1, g.w-1); x++ {
				if j := y*g.w + x; out.Pix[j] == weak {
					out.Pix[j] = edge
					strong = append(strong, int32(j))
				}
			}
		}
	}
	for i, v := range out.Pix {
		if v == weak {
			out.Pix[i] = none
		}
	}
	return out
}

// The tangent of 22.5°, in units of 2^-15.
const (
	tangentBits = 15
	tangent     = 13573
)

// peak says whether the gradient is the largest in its direction, of which there are four.
func (g *gradient) peak(x, y int) bool {
	at := func(dx, dy int) int32 { return g.size[(y+1+dy)*(g.w+2)+x+1+dx] }
	size := at(0, 0)
	dx, dy := int64(g.dx[y*g.w+x]), int64(g.dy[y*g.w+x])
	ax, ay := max(dx, -dx), max(dy, -dy)<<tangentBits
	steep := ax * tangent
	switch {
	case ay < steep:
		return size > at(-1, 0) && size >= at(1, 0)
	case ay > steep+ax<<(tangentBits+1):
		return size > at(0, -1) && size >= at(0, 1)
	}
	side := 1
	if dx^dy < 0 {
		side = -1
	}
	return size > at(-side, -1) && size > at(side, 1)
}
