package vae

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// Tiles are squares that overlap by a quarter of their side, as in diffusers'
// AutoencoderKL with enable_vae_tiling. Each is computed by itself, with its own
// statistics in every normalisation, so that the whole differs from what one run
// gives; where tiles overlap the result goes linearly from one to the next.
//
//	|<-- step -->|<-- step -->|<-- step -->|
//	|0000000000000000|                          tile 0
//	             |1111111111111111|             tile 1
//	                          |2222222222222|   tile 2, cut off at the edge
//	              ^^^ blended  ^^^
type tiling struct {
	in, out         int // side of a tile of the input, of the output
	inC, outC, h, w int // the input [inC h w]
	scale           func(n int) int
}

// step is the distance from tile to tile for tiles of a side.
func step(side int) int { return side - side/4 }

// plane is a tile of the output [C h w].
type plane struct {
	data []float32
	h, w int
}

// planes returns the numbers of two rows of out's tiles and of a tile of in: what run
// needs beside in and out.
func (t *tiling) planes() (row, tile int) {
	h := min(t.in, t.h)
	for x := 0; t.scale(t.w-x) > 0; x += step(t.in) {
		row += t.outC * t.scale(h) * t.scale(min(t.in, t.w-x))
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
	outH, outW := t.scale(t.h), t.scale(t.w)
	var above []plane
	for y := 0; t.scale(t.h-y) > 0; y += step(t.in) {
		h := min(t.in, t.h-y)
		var row []plane
		free := rows[y/step(t.in)%2*rowLen:][:rowLen] // where the row above is not
		for x := 0; t.scale(t.w-x) > 0; x += step(t.in) {
			w := min(t.in, t.w-x)
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

			keepH, keepW := min(tile.h, step(t.out)), min(tile.w, step(t.out))
			top, left := y/step(t.in)*step(t.out), x/step(t.in)*step(t.out)
			for c := range t.outC {
				for i := range keepH {
					copy(out[(c*outH+top+i)*outW+left:][:keepW], tile.data[(c*tile.h+i)*tile.w:])
				}
			}
		}
		above = row
	}
	return nil
}

// cut appends the part of in [C H W] that begins at (y, x) to part.
func (t *tiling) cut(part, in []float32, y, x, h, w int) []float32 {
	for c := range t.inC {
		for i := range h {
			part = append(part, in[(c*t.h+y+i)*t.w+x:][:w]...)
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

// TileSize is the side in pixels of the tiles that diffusers would take: that of
// the images in training, or 512 if the config does not say or no tile can have
// that size.
func (c *Config) TileSize() int {
	if c == nil {
		return 512
	}
	if n, ok := c.SampleSize.(float64); ok && n >= 1 && n <= 1<<15 && c.CheckTile(int(n)) == nil {
		return int(n)
	}
	return 512
}

// CheckTile wants the side of a tile, in pixels, to be a positive multiple of 4
// latent cells, so that a quarter is whole cells.
func (c *Config) CheckTile(tile int) error {
	if unit := 4 * c.Factor(); tile < unit || tile%unit != 0 {
		return fmt.Errorf("vae: tile: have %d pixels, want a positive multiple of %d", tile, unit)
	}
	return nil
}

// checkTile is CheckTile for a VAE that may not be loaded.
func (v *VAE) checkTile(tile int) error {
	if err := v.loaded(); err != nil {
		return err
	}
	return v.Config.CheckTile(tile)
}

// DecodeTiles is Decode by tiles of tile×tile pixels, a multiple of
// 4·Config.Factor(). Memory then grows with the picture by little more than the
// picture itself, but brightness and detail differ slightly from Decode's, and
// more the smaller the tiles are. Latents no larger than a tile are decoded
// whole, as by Decode.
func (v *VAE) DecodeTiles(ctx context.Context, latents *tensor.Dense, tile int) (*tensor.Dense, error) {
	if err := v.checkTile(tile); err != nil {
		return nil, err
	}
	return v.decode(ctx, latents, tile)
}

// EncodeTiles is Encode by tiles of tile×tile pixels, a multiple of
// 4·Config.Factor(), see DecodeTiles.
func (v *VAE) EncodeTiles(ctx context.Context, images *tensor.Dense, tile int) (*Posterior, error) {
	if err := v.checkTile(tile); err != nil {
		return nil, err
	}
	return v.encode(ctx, images, tile)
}

// CheckDecodeTiles is CheckDecode for DecodeTiles.
func (v *VAE) CheckDecodeTiles(h, w, tile int) error {
	if err := v.checkTile(tile); err != nil {
		return err
	}
	return v.checkDecode(h, w, tile)
}

// CheckEncodeTiles is CheckEncode for EncodeTiles.
func (v *VAE) CheckEncodeTiles(h, w, tile int) error {
	if err := v.checkTile(tile); err != nil {
		return err
	}
	return v.checkEncode(h, w, tile)
}

// minTile is the smallest tile that FitDecode and FitEncode choose, in latent
// cells: smaller ones look bad.
const minTile = 16

// FitDecode returns how latents of h×w can be decoded in the memory that
// LoadOptions.MaxMemory leaves beside the weights: 0 for Decode, or else the side
// of the largest tiles for DecodeTiles that fit, of Config.TileSize() pixels or a
// half or quarter of it. If nothing fits, or does not without a limit, it returns
// Decode's error. The answer depends on the shapes and the limit alone.
func (v *VAE) FitDecode(h, w int) (tile int, err error) {
	return v.fit(func(tile int) error { return v.checkDecode(h, w, tile) })
}

// FitEncode is FitDecode for encoding images of h×w pixels.
func (v *VAE) FitEncode(h, w int) (tile int, err error) {
	return v.fit(func(tile int) error { return v.checkEncode(h, w, tile) })
}

func (v *VAE) fit(check func(tile int) error) (tile int, err error) {
	if err := v.loaded(); err != nil {
		return 0, err
	}
	whole := check(0)
	if whole == nil || !v.model.Limited() {
		return 0, whole
	}
	for tile := v.Config.TileSize(); tile >= minTile*v.Config.Factor(); tile /= 2 {
		if v.Config.CheckTile(tile) == nil && check(tile) == nil {
			return tile, nil
		}
	}
	return 0, whole
}

// call is the work on one image of h×w, of latents to decode or pixels to encode.
type call struct {
	tiling
	decode, whole bool
	largest       key // of the runs
	what          string
}

// call returns the work for tiles of a side in pixels, 0 for the whole. An image that
// is no larger than a tile is done whole.
func (v *VAE) call(decode bool, h, w, tile int) call {
	c := &v.Config
	f := c.Factor()
	t := call{decode: decode, largest: key{decode, 1, h, w}}
	if decode {
		t.tiling = tiling{in: tile / f, out: tile, inC: c.LatentChannels, outC: c.OutChannels, h: h, w: w, scale: func(n int) int { return n * f }}
		t.what = fmt.Sprintf("decoding to %d×%d pixels%s", f*w, f*h, byTiles(tile))
	} else {
		t.tiling = tiling{in: tile, out: tile / f, inC: c.InChannels, outC: 2 * c.LatentChannels, h: h, w: w, scale: func(n int) int { return n / f }}
		t.what = fmt.Sprintf("encoding %d×%d pixels%s", w, h, byTiles(tile))
	}
	t.whole = tile == 0 || max(h, w) <= t.in
	if !t.whole {
		t.largest.h, t.largest.w = min(h, t.in), min(w, t.in)
	}
	return t
}

// beside is the bytes that tiles take beside a run: the picture and two rows of tiles.
func (t *call) beside() int64 {
	if t.whole {
		return 0
	}
	row, tile := t.planes()
	picture := t.inC * t.h * t.w
	if t.decode {
		picture = t.outC * t.scale(t.h) * t.scale(t.w)
	}
	return 4 * int64(picture+2*row+tile)
}

// begin waits for the memory of the work, of which small bytes are beside the runs.
func (v *VAE) begin(ctx context.Context, t call, small int64) (context.Context, func(), error) {
	need := engine.Need{What: t.what, Small: small, Turn: t.beside(), Short: true}
	return v.model.Begin(ctx, need, t.largest, v.build(t.largest))
}

// image does the work on one image: from latents before scaling, or pixels, x to y.
func (v *VAE) image(ctx context.Context, t call, x, y []float32) error {
	run := func(x []float32, h, w int, y []float32) error {
		k := key{t.decode, 1, h, w}
		return v.model.Run(ctx, k, v.build(k), model.Inputs{"input": x}, [][]float32{y})
	}
	if t.whole {
		return run(x, t.h, t.w, y)
	}
	return t.run(x, y, run)
}

// values returns the bytes that the work's turn takes.
func (v *VAE) values(t call) (int64, error) {
	n, err := v.model.Values(t.largest, v.build(t.largest))
	return n + t.beside(), err
}

// DecodeValues returns the bytes of intermediate values of decoding latents of h×w by
// tiles of a side in pixels, 0 for the whole; with tiles, those of the picture, too.
func (v *VAE) DecodeValues(h, w, tile int) (int64, error) {
	if tile != 0 {
		if err := v.checkTile(tile); err != nil {
			return 0, err
		}
	}
	if err := v.checkDecode(h, w, tile); err != nil {
		return 0, err
	}
	return v.values(v.call(true, h, w, tile))
}

// EncodeValues is DecodeValues for encoding images of h×w pixels.
func (v *VAE) EncodeValues(h, w, tile int) (int64, error) {
	if tile != 0 {
		if err := v.checkTile(tile); err != nil {
			return 0, err
		}
	}
	if err := v.checkEncode(h, w, tile); err != nil {
		return 0, err
	}
	return v.values(v.call(false, h, w, tile))
}

// check reports as an error that the work would not fit.
func (v *VAE) check(t call) error {
	return v.model.Check(t.largest, v.build(t.largest), t.beside(), t.what)
}

// byTiles says so in the name of some work.
func byTiles(tile int) string {
	if tile == 0 {
		return ""
	}
	return fmt.Sprintf(" by tiles of %d×%d", tile, tile)
}

// checkSize wants an image of f·h×f·w to make sense.
func (v *VAE) checkSize(h, w, f int) error {
	for _, f := range []int{1, f} { // the first keeps f·h from overflowing
		if err := nn.CheckSize("vae: image", v.Config.BlockOutChannels[0], f*h, f*w); err != nil {
			return err
		}
	}
	return nil
}

// checkDecode is check for latents of h×w and tiles in pixels.
func (v *VAE) checkDecode(h, w, tile int) error {
	if err := v.loaded(); err != nil {
		return err
	}
	c := &v.Config
	f := c.Factor()
	if err := v.checkSize(h, w, f); err != nil {
		return err
	}
	return v.check(v.call(true, h, w, tile))
}

// checkEncode is check for images of h×w pixels.
func (v *VAE) checkEncode(h, w, tile int) error {
	if err := v.loaded(); err != nil {
		return err
	}
	if v.encoder == nil {
		return ErrNoEncoder
	}
	c := &v.Config
	f := c.Factor()
	if h < f || w < f {
		return fmt.Errorf("vae: image: have %d×%d pixels, want at least %d×%d", w, h, f, f)
	}
	if err := v.checkSize(h, w, 1); err != nil {
		return err
	}
	return v.check(v.call(false, h, w, tile))
}
