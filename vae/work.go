package vae

import (
	"context"
	"errors"
	"fmt"

	"sdgo/diffusion/plan"
	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// Work is what the VAE does with one picture: it decodes it, or encodes it.
type Work struct {
	Encode        bool // or decode
	Height, Width int  // of the picture in pixels
	Tile          int  // side of the tiles in pixels, as in [Options]
	Exact         bool // by tiles that give what the whole gives, as in [Options]
	Unquantized   bool // decodes latents as they are, as in [Options]
	Seamless      Seamless
}

// Check reports as an error that the work would not fit in the memory allowed, or
// cannot be done at all: of an image that is smaller than a latent cell, say.
func (v *VAE) Check(w Work) error {
	c, err := v.call(w)
	if err != nil {
		return err
	}
	return v.fits(c)
}

// minTile is the smallest tile that Fit chooses, in latent cells: smaller ones look
// bad.
const minTile = 16

// Fit returns how the work can be done in the memory that LoadOptions.MaxMemory leaves
// beside the weights, whatever its Tile is: 0 for the whole, or else the side of the
// largest tiles that fit, of Config.TileSize() pixels or a half or quarter of it. If
// nothing fits, or does not without a limit, it returns the error of the whole. The
// answer depends on the shapes and the limit alone.
func (v *VAE) Fit(w Work) (tile int, err error) {
	w.Tile = 0
	whole := v.Check(w)
	if whole == nil || v.loaded() != nil || !v.model.Limited() {
		return 0, whole
	}
	for w.Tile = v.Config.TileSize(); w.Tile >= minTile*v.Config.Factor(); w.Tile /= 2 {
		if v.Check(w) == nil {
			return w.Tile, nil
		}
	}
	return 0, whole
}

// Values returns the bytes of intermediate values of the work; with tiles, those of the
// picture, too.
func (v *VAE) Values(w Work) (int64, error) {
	c, err := v.call(w)
	if err != nil {
		return 0, err
	}
	n, err := v.model.Values(c.largest.key, c.largest.build)
	return n + c.beside(), err
}

// Plan tells how the work is done: its largest run.
func (v *VAE) Plan(w Work) (*plan.Part, error) {
	c, err := v.call(w)
	if err != nil {
		return nil, err
	}
	return v.model.Plan(c.largest.key, c.largest.build)
}

// call is a Work whose sizes make sense, as runs of the model.
type call struct {
	tiling
	decode, whole bool
	raw           bool      // latents that are not quantized
	exact         *exact    // nil: tiles, if they are not whole, are each by itself
	largest       plannable // of the runs
	what          string
}

// call wants work that the VAE can do.
func (v *VAE) call(w Work) (call, error) {
	if err := v.loaded(); err != nil {
		return call{}, err
	}
	if w.Encode && v.encoder == nil {
		return call{}, ErrNoEncoder
	}
	c := &v.Config
	if w.Tile != 0 {
		if err := c.CheckTile(w.Tile); err != nil {
			return call{}, err
		}
	}
	if w.Unquantized && v.unquantized == nil {
		return call{}, fmt.Errorf("vae: options: have unquantized latents: %w", errNoCodebook)
	}
	f := c.Factor()
	if err := nn.CheckSize("vae: image", c.BlockOutChannels[0], w.Height, w.Width); err != nil {
		return call{}, err
	}
	if w.Height < f || w.Width < f {
		return call{}, fmt.Errorf("vae: image: have %d×%d pixels, want at least %d×%d", w.Width, w.Height, f, f)
	}
	if !w.Encode && (w.Height%f != 0 || w.Width%f != 0) {
		return call{}, fmt.Errorf("vae: image: have %d×%d pixels to decode to, want multiples of %d", w.Width, w.Height, f)
	}
	return v.runs(w)
}

// runs returns the runs of work. An image that is no larger than a tile is done whole.
func (v *VAE) runs(w Work) (call, error) {
	c := &v.Config
	f := c.Factor()
	t := call{decode: !w.Encode, raw: w.Unquantized}
	how := byTiles(w.Tile)
	if w.Exact && w.Tile != 0 {
		how += " that are exact"
	}
	if t.decode {
		t.tiling = tiling{in: w.Tile / f, out: w.Tile, inC: c.LatentChannels, outC: c.OutChannels, h: w.Height / f, w: w.Width / f, scale: func(n int) int { return n * f }}
		t.what = fmt.Sprintf("decoding to %d×%d pixels%s", w.Width, w.Height, how)
	} else {
		t.tiling = tiling{in: w.Tile, out: w.Tile / f, inC: c.InChannels, outC: c.moments(), h: w.Height, w: w.Width, scale: c.cells}
		t.what = fmt.Sprintf("encoding %d×%d pixels%s", w.Width, w.Height, how)
	}
	t.whole = w.Tile == 0 || max(t.h, t.w) <= t.in
	t.around = op.Wrap(w.Seamless)
	if w.Exact && !t.whole && c.Tiny == nil && !c.Pixels {
		return t, v.byBands(&t, w)
	}
	k := key{decode: t.decode, n: 1, h: t.h, w: t.w, raw: t.raw}
	if !t.whole {
		k.h, k.w = min(t.h, t.in), min(t.w, t.in)
	}
	k.wrap = t.inRun(k.h, k.w)
	t.largest = plannable{k, v.build(k)}
	return t, nil
}

// byBands makes the tiles of a call exact.
func (v *VAE) byBands(t *call, w Work) error {
	if v.model.Device() {
		return errors.New("vae: tiles: have a graphics processor, want the processor for exact ones")
	}
	if err := v.Config.checkBands(w); err != nil {
		return err
	}
	if w.Seamless.Y {
		return errors.New("vae: tiles: have exact ones of a picture that goes on above and below, want one that goes on to the left and right alone, or tiles that are not exact")
	}
	f := v.Config.Factor()
	h, width := w.Height/f, w.Width/f
	t.exact = v.newExact(t.decode, t.h, t.w, w.Tile)
	t.exact.wrap = t.around
	most := int64(-1)
	for _, p := range v.plans(t.exact, t.decode, h, width) {
		n, err := v.model.Values(p.key, p.build)
		if err != nil {
			return err
		}
		if n > most {
			most, t.largest = n, p
		}
	}
	return nil
}

// byTiles says so in the name of some work.
func byTiles(tile int) string {
	if tile == 0 {
		return ""
	}
	return fmt.Sprintf(" by tiles of %d×%d", tile, tile)
}

// beside is the bytes that tiles take beside a run: the picture and two rows of tiles,
// or, of exact ones, what lies between stages.
func (t *call) beside() int64 {
	if t.whole {
		return 0
	}
	picture := t.inC * t.h * t.w
	if t.decode {
		picture = t.outC * t.scale(t.h) * t.scale(t.w)
	}
	if t.exact != nil {
		return 4 * int64(picture+t.exact.memory+t.exact.band)
	}
	row, tile := t.planes()
	return 4 * int64(picture+2*row+tile)
}

// fits reports as an error that the work would not fit.
func (v *VAE) fits(t call) error {
	return v.model.Check(t.largest.key, t.largest.build, t.beside(), t.what)
}

// begin waits for the memory of the work, of which small bytes are beside the runs.
func (v *VAE) begin(ctx context.Context, t call, small int64) (context.Context, func(), error) {
	need := engine.Need{What: t.what, Small: small, Turn: t.beside(), Short: true}
	return v.model.Begin(ctx, need, t.largest.key, t.largest.build)
}

// image does the work on one image: from latents before scaling, or pixels, x to y.
func (v *VAE) image(ctx context.Context, t call, x, y []float32) error {
	if v.Config.Pixels {
		copy(y, x)
		return ctx.Err()
	}
	if t.exact != nil {
		return v.exactly(ctx, t, x, y)
	}
	run := func(x []float32, h, w int, y []float32) error {
		k := key{t.decode, 1, h, w, t.inRun(h, w), t.raw}
		return v.model.Run(ctx, k, v.build(k), model.Inputs{"input": x}, [][]float32{y})
	}
	if t.whole {
		return run(x, t.h, t.w, y)
	}
	return t.run(x, y, run)
}
