package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"sdgo/clip"
	"sdgo/examples/internal/cli"
	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/unet"
	"sdgo/vae"
)

// table measures time and memory against size and batch.
type table struct {
	sizes, batches string
	only           string // of the parts' names
	tile           int    // 0 for the model's
}

// tableFlags adds the table's flags.
func tableFlags(f *flag.FlagSet) *table {
	t := &table{}
	f.StringVar(&t.sizes, "sizes", "", "`list` of sizes in pixels, such as 256,512x768, for a table of time and memory by size and batch")
	f.StringVar(&t.batches, "batches", "", "`list` of batches for -sizes, such as 1,2,4 (default 1)")
	f.StringVar(&t.only, "rows", "", "`text` in the names of the table's rows, such as \"exact tiles\" (default all rows)")
	f.IntVar(&t.tile, "tile", 0, "side in `pixels` of the tiles in the table (default the model's)")
	return t
}

func (t *table) wanted() bool { return t.sizes != "" || t.batches != "" }

// row is one line of the table.
type row struct {
	Part    string  `json:"part"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	Batch   int     `json:"batch"`
	Seconds float64 `json:"s"`            // the best run
	Memory  int64   `json:"memory_bytes"` // beside the weights
}

// parse reads the lists.
func (t *table) parse() (sizes [][2]int, batches []int, err error) {
	if t.sizes == "" {
		return nil, nil, errors.New("-batches: want -sizes, too")
	}
	for s := range strings.SplitSeq(t.sizes, ",") {
		w, h, both := strings.Cut(s, "x")
		if !both {
			h = w
		}
		width, err := strconv.Atoi(w)
		height, err2 := strconv.Atoi(h)
		if err != nil || err2 != nil || min(width, height) < 8 || max(width, height) > 1<<14 || width%8 != 0 || height%8 != 0 {
			return nil, nil, fmt.Errorf("-sizes: have %q, want sides such as 512 or 512x768, multiples of 8 to %d", s, 1<<14)
		}
		sizes = append(sizes, [2]int{width, height})
	}
	if t.batches == "" {
		return sizes, []int{1}, nil
	}
	for s := range strings.SplitSeq(t.batches, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 64 {
			return nil, nil, fmt.Errorf("-batches: have %q, want numbers from 1 to 64", s)
		}
		batches = append(batches, n)
	}
	return sizes, batches, nil
}

// run measures and prints.
func (t *table) run(ctx context.Context, o *options, asJSON bool, stdout io.Writer) error {
	sizes, batches, err := t.parse()
	if err != nil {
		return cli.Misuse(err)
	}
	rows, err := t.measure(ctx, o, sizes, batches)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "part\tpixels\tbatch\ts\tMB\ts per image and megapixel")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d×%d\t%d\t%.3f\t%.1f\t%.2f\n", r.Part, r.Width, r.Height, r.Batch, r.Seconds, float64(r.Memory)/1e6,
			r.Seconds/float64(r.Batch)/(float64(r.Width*r.Height)/1e6))
	}
	return w.Flush()
}

// call is what a row measures: a model's for a picture of a size.
type call struct {
	name string
	run  func(n, h, w int) error
}

// unetRow is the name of the U-Net's row, which is not loaded without it.
const unetRow = "U-Net"

// calls are those of the table.
func (t *table) calls(ctx context.Context, u *unet.UNet, v *vae.VAE) []call {
	factor, tile := v.Config.Factor(), cmp.Or(t.tile, v.Config.TileSize())
	by := func(how vae.Options) func(n, h, w int) error {
		return func(n, h, w int) error {
			_, err := v.Decode(ctx, noise(n, v.Config.LatentChannels, h/factor, w/factor), how)
			return err
		}
	}
	return []call{
		{unetRow, func(n, h, w int) error {
			_, err := u.Predict(ctx, unet.Input{
				Latents: noise(n, u.Config.InChannels, h/factor, w/factor), Timesteps: []float64{500},
				Cond: conditions(u, n),
			})
			return err
		}},
		{"VAE decode", by(vae.Options{})},
		{fmt.Sprintf("VAE decode, tiles of %d", tile), by(vae.Options{Tile: tile})},
		{fmt.Sprintf("VAE decode, exact tiles of %d", tile), by(vae.Options{Tile: tile, Exact: true})},
		{"VAE encode", func(n, h, w int) error {
			_, err := v.Encode(ctx, noise(n, v.Config.InChannels, h, w))
			return err
		}},
	}
}

// measure measures a call of the U-Net, and the VAE both ways, by tiles too.
func (t *table) measure(ctx context.Context, o *options, sizes [][2]int, batches []int) ([]row, error) {
	fsys, err := o.open()
	if err != nil {
		return nil, err
	}
	eng, err := engine.New(&engine.Options{Threads: o.threads})
	if err != nil {
		return nil, err
	}
	defer eng.Close()
	loading := model.NewSession(eng).In(ctx)
	l := &clip.LoadOptions{Precision: o.precision, Weights: o.weights}
	var u *unet.UNet
	if strings.Contains(unetRow, t.only) {
		l.Variant = o.variantOf(fsys, "unet", "diffusion_pytorch_model")
		if u, err = unet.LoadFSContext(loading, fsys, "unet", (*unet.LoadOptions)(l)); err != nil {
			return nil, err
		}
		defer u.Close()
	}
	l.Variant = o.variantOf(fsys, "vae", "diffusion_pytorch_model")
	v, err := vae.LoadFSContext(loading, fsys, "vae", (*vae.LoadOptions)(l))
	if err != nil {
		return nil, err
	}
	defer v.Close()

	var rows []row
	for _, call := range t.calls(ctx, u, v) {
		if !strings.Contains(call.name, t.only) {
			continue
		}
		for _, size := range sizes {
			for _, batch := range batches {
				eng.Close() // what is idle
				weights := eng.Memory.InUse()
				eng.Memory.ResetPeak()
				r := row{Part: call.name, Width: size[0], Height: size[1], Batch: batch, Seconds: math.Inf(1)}
				for range o.steps {
					begin := time.Now()
					if err := call.run(batch, r.Height, r.Width); err != nil {
						return nil, err
					}
					r.Seconds = min(r.Seconds, time.Since(begin).Seconds())
				}
				r.Memory = eng.Memory.Peak() - weights
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}
