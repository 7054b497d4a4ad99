package vae

import "sdgo/internal/op"

// Seamless says in which directions pictures and latents go on with their other side, so
// that copies side by side have no seam: to the left and right (X), above and below (Y), or
// both. It is padding_mode "circular" of all of PyTorch's Conv2d layers, for each direction
// by itself; what the encoder of an AutoencoderKL pads on one side alone where it halves
// the size stays zero, as there. With tiles, those at an edge go on at the other side and
// are blended with what is there; exact ones cannot in Y.
type Seamless struct {
	X bool `json:"x,omitzero"`
	Y bool `json:"y,omitzero"`
}

// inRun says where the convolutions of a run go around its input: in the directions in
// which the run has the whole of the picture.
func (t *call) inRun(h, w int) op.Wrap {
	return op.Wrap{X: t.around.X && w == t.w, Y: t.around.Y && h == t.h}
}

// aroundX and aroundY say whether tiles go on at the other side: where the picture has
// more than one.
func (t *tiling) aroundX() bool { return t.around.X && t.w > t.in }
func (t *tiling) aroundY() bool { return t.around.Y && t.h > t.in }

// width and height are those of a tile of the input that begins at a place.
func (t *tiling) width(x int) int {
	if t.aroundX() {
		return t.in
	}
	return min(t.in, t.w-x)
}

func (t *tiling) height(y int) int {
	if t.aroundY() {
		return t.in
	}
	return min(t.in, t.h-y)
}

// joinColumns mixes what the last tile of a row has beyond the right edge into the first
// columns of the first one.
func (t *tiling) joinColumns(row []plane) {
	first, last := row[0], row[len(row)-1]
	kept, extent := t.scale(t.w)-(len(row)-1)*stride(t.out), t.out/4
	for r := range t.outC * first.h {
		from, to := last.data[r*last.w+kept:][:extent], first.data[r*first.w:]
		for x, v := range from {
			share := float32(x) / float32(extent)
			to[x] = float32(v*(1-share)) + float32(to[x]*share)
		}
	}
}

// joinRows mixes what the last row of tiles has below the lower edge into the first rows of
// out.
func (t *tiling) joinRows(out []float32, row []plane) {
	outH, outW, extent := t.scale(t.h), t.scale(t.w), t.out/4
	kept := outH - (outH-1)/stride(t.out)*stride(t.out) // of the last row
	for k, tile := range row {
		left := k * stride(t.out)
		for r := range t.outC * extent {
			c, y := r/extent, r%extent
			share := float32(y) / float32(extent)
			to := out[(c*outH+y)*outW+left:][:min(tile.w, stride(t.out), outW-left)]
			for x, v := range tile.data[(c*tile.h+kept+y)*tile.w:][:len(to)] {
				to[x] = float32(v*(1-share)) + float32(to[x]*share)
			}
		}
	}
}
