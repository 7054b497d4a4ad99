package vae

import (
	"fmt"

	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// Tiles are squares that overlap by a quarter of their side, as in diffusers'
// AutoencoderKL with enable_vae_tiling. Each is computed by itself, with its own
// statistics in every normalisation, so that the whole differs from what one run
// gives; where tiles overlap the result goes linearly from one to the next.
//
//	|<- stride ->|<- stride ->|<- stride ->|
//	|0000000000000000|                          tile 0
//	             |1111111111111111|             tile 1
//	                          |2222222222222|   tile 2, cut off at the edge
//	              ^^^ blended  ^^^
type tiling struct {
	in, out         int // side of a tile of the input, of the output
	inC, outC, h, w int // the input [inC h w]
	scale           func(n int) int
	around          op.Wrap // where the picture goes on with its other side
}

// stride is the distance from tile to tile for tiles of a side.
func stride(side int) int { return side - side/4 }

// plane is a tile of the output [C h w].
type plane struct {
	data []float32
	h, w int
}

// planes returns the numbers of two rows of out's tiles and of a tile of in: what run
// needs beside in and out.
func (t *tiling) planes() (row, tile int) {
	h := min(t.in, t.h)
	for x := 0; t.scale(t.w-x) > 0; x += stride(t.in) {
		row += t.outC * t.scale(h) * t.scale(t.width(x))
	}
	return row, t.inC * h * min(t.in, t.w)
}

// run computes out from in tile by tile. A model maps a tile of in [C h w] to one
// of out. Beside in and out it holds two rows of out's tiles.
func (t *tiling) run(in, out []float32, model func(in []float32, h, w int, out []float32) error) error {
	rowLen, tileLen := t.planes()
	block, err := engine.Scratch(2*rowLen+tileLen, "tiles")
	if err != nil {
		return fmt.Errorf("vae: %w", err)
	}
	defer block.Free()
	part, rows := block.Data[:tileLen], block.Data[tileLen:]
	var above []plane
	for y := 0; t.scale(t.h-y) > 0; y += stride(t.in) {
		h := t.height(y)
		var row []plane
		free := rows[y/stride(t.in)%2*rowLen:][:rowLen] // where the row above is not
		for x := 0; t.scale(t.w-x) > 0; x += stride(t.in) {
			w := t.width(x)
			tile := plane{h: t.scale(h), w: t.scale(w)}
			size := t.outC * tile.h * tile.w
			tile.data, free = free[:size:size], free[size:]
			if err := model(t.cut(part[:0], in, y, x, h, w), h, w, tile.data); err != nil {
				return err
			}
			if above != nil {
				t.blendRows(above[len(row)], tile)
			}
			if len(row) > 0 {
				t.blendColumns(row[len(row)-1], tile)
			}
			row = append(row, tile)
		}
		if t.aroundX() {
			t.joinColumns(row)
		}
		t.keep(out, row, y/stride(t.in)*stride(t.out))
		above = row
	}
	if t.aroundY() {
		t.joinRows(out, above)
	}
	return nil
}

// keep copies what a row of tiles shows to out, where it begins at a row of pixels.
func (t *tiling) keep(out []float32, row []plane, top int) {
	outH, outW := t.scale(t.h), t.scale(t.w)
	for k, tile := range row {
		left := k * stride(t.out)
		keepH, keepW := min(tile.h, stride(t.out), outH-top), min(tile.w, stride(t.out), outW-left)
		for c := range t.outC {
			for i := range keepH {
				copy(out[(c*outH+top+i)*outW+left:][:keepW], tile.data[(c*tile.h+i)*tile.w:])
			}
		}
	}
}

// cut appends the part of in [C H W] that begins at (y, x) to part.
func (t *tiling) cut(part, in []float32, y, x, h, w int) []float32 {
	n := min(w, t.w-x)
	for c := range t.inC {
		for i := range h {
			line := in[(c*t.h+(y+i)%t.h)*t.w:][:t.w]
			part = append(append(part, line[x:x+n]...), line[:w-n]...)
		}
	}
	return part
}

// blendRows mixes the last rows of a, the tile above, into the first ones of b.
func (t *tiling) blendRows(a, b plane) {
	extent := min(a.h, b.h, t.out/4)
	for y := range extent {
		share := float32(y) / float32(extent)
		for c := range t.outC {
			from, to := a.data[(c*a.h+a.h-extent+y)*a.w:][:b.w], b.data[(c*b.h+y)*b.w:][:b.w]
			for x, v := range from {
				to[x] = float32(v*(1-share)) + float32(to[x]*share)
			}
		}
	}
}

// blendColumns mixes the last columns of a, the tile on the left, into the first
// ones of b.
func (t *tiling) blendColumns(a, b plane) {
	extent := min(a.w, b.w, t.out/4)
	for row := range t.outC * b.h {
		from, to := a.data[row*a.w+a.w-extent:][:extent], b.data[row*b.w:][:extent]
		for x, v := range from {
			share := float32(x) / float32(extent)
			to[x] = float32(v*(1-share)) + float32(to[x]*share)
		}
	}
}
