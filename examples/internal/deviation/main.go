// Command deviation measures what the settings that spare work cost the demo
// model's pictures: how much of the U-Net's arithmetic and time they save, and how
// far the pictures are from the exact ones.
//
//	go run ./examples/internal/deviation
package main

import (
	"context"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"log"
	"math"
	"os"
	"text/tabwriter"
	"time"

	"sdgo/clip"
	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/internal/engine"
	"sdgo/internal/loader"
	"sdgo/internal/model"
	"sdgo/internal/op"
	"sdgo/sampler"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

var prompts = []string{
	"a red house on a green hill under a yellow sun",
	"at night, a blue boat on the sea with the moon",
	"a purple car in the desert at sunset",
	"clouds over a white tower on a green hill",
	"a green tree on snow with the moon at night",
	"a yellow boat on the sea under clouds",
}

// setting is a way to spare work.
type setting struct {
	name  string
	apply func(*diffusion.Options)
}

func interval(n, branch int) setting {
	return setting{fmt.Sprintf("interval %d, branch %d", n, branch), func(o *diffusion.Options) { o.Reuse = diffusion.Reuse{Interval: n, Branch: branch} }}
}

func threshold(share float64, branch int) setting {
	return setting{fmt.Sprintf("threshold %g, branch %d", share, branch), func(o *diffusion.Options) { o.Reuse = diffusion.Reuse{Threshold: share, Branch: branch} }}
}

func merge(ratio float64, levels int) setting {
	return setting{fmt.Sprintf("merge %g at %d levels", ratio, levels), func(o *diffusion.Options) {
		o.TokenMerging = unet.TokenMerging{Ratio: ratio, Levels: levels}
	}}
}

func fewer(steps int) setting {
	return setting{fmt.Sprintf("only %d steps", steps), func(o *diffusion.Options) { o.Steps = steps }}
}

var settings = []setting{
	{"exact", func(*diffusion.Options) {}},
	interval(2, 1), interval(3, 1), interval(2, 2), interval(3, 2), interval(5, 2), interval(2, 4), interval(3, 4),
	threshold(0.05, 2), threshold(0.1, 2), threshold(0.2, 2), threshold(0.3, 2), threshold(0.5, 2),
	merge(0.25, 1), merge(0.5, 1), merge(0.75, 1), merge(0.5, 2),
	{"interval 2, branch 2, merge 0.25", func(o *diffusion.Options) {
		interval(2, 2).apply(o)
		merge(0.25, 1).apply(o)
	}},
	{"guidance to σ ≥ 0.5 only", func(o *diffusion.Options) { o.GuidanceInterval = diffusion.Interval{Low: 0.5} }},
	fewer(20), fewer(13), fewer(9),
}

// work is what the U-Net did.
type work struct {
	flops float64
	time  time.Duration
}

func main() {
	seeds := flag.Int("seeds", 3, "pictures of each prompt")
	name := flag.String("sampler", "", "`name` of the sampler (default the model's)")
	sheet := flag.String("sheet", "", "PNG `file` to draw, a row for each setting")
	flag.Parse()
	if err := run(context.Background(), *seeds, *name, *sheet); err != nil {
		log.Fatalf("deviation: %v", err)
	}
}

func run(ctx context.Context, seeds int, name, sheet string) error {
	var done work
	pipe, err := load(&done)
	if err != nil {
		return err
	}
	options := diffusion.Options{Steps: tinyscenes.Steps, Guidance: tinyscenes.Guidance, Seed: 1, Images: seeds}
	if name != "" {
		if options.Sampler, err = sampler.ByName(name); err != nil {
			return err
		}
	}
	var exact [][]*image.NRGBA
	var all work
	var rows [][]*image.NRGBA
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "setting\twhole calls\twork saved\ttime\tPSNR, dB\tworst")
	for _, s := range settings {
		done = work{}
		var mean, worst, whole float64 = 0, math.Inf(1), 0
		var row []*image.NRGBA
		for i, prompt := range prompts {
			o := options
			s.apply(&o)
			r, err := pipe.TextToImage(ctx, prompt, &o)
			if err != nil {
				return err
			}
			if len(exact) < len(prompts) {
				exact = append(exact, r.Images)
			}
			row = append(row, r.Images[0])
			for j, img := range r.Images {
				db := psnr(img, exact[i][j])
				mean, worst = mean+db, min(worst, db)
				whole += float64(r.Timings.Calls)
				if r.Reused != nil {
					whole -= float64(r.Reused[j])
				}
			}
		}
		rows = append(rows, row)
		if all == (work{}) {
			all = done
		}
		pictures := float64(len(prompts) * seeds)
		fmt.Fprintf(t, "%s\t%.1f\t%.0f %%\t%.2f\t%.1f\t%.1f\n", s.name, whole/pictures,
			100*(1-done.flops/all.flops), done.time.Seconds()/all.time.Seconds(), mean/pictures, worst)
	}
	if sheet != "" {
		if err := drawSheet(sheet, rows); err != nil {
			return err
		}
	}
	return t.Flush()
}

// load loads the demo model with a U-Net that counts its work.
func load(done *work) (*diffusion.Pipeline, error) {
	eng, err := engine.New(&engine.Options{Trace: func(o op.Operation, d time.Duration) {
		done.flops += o.Cost().FLOPs
		done.time += d
	}})
	if err != nil {
		return nil, err
	}
	tokenizer, err := clip.LoadTokenizer(tinyscenes.FS, "tokenizer")
	if err != nil {
		return nil, err
	}
	text, err := clip.LoadTextEncoderFS(tinyscenes.FS, "text_encoder", nil)
	if err != nil {
		return nil, err
	}
	u, err := unet.LoadFSContext(model.NewSession(eng).In(context.Background()), tinyscenes.FS, "unet", nil)
	if err != nil {
		return nil, err
	}
	v, err := vae.LoadFS(tinyscenes.FS, "vae", nil)
	if err != nil {
		return nil, err
	}
	var config scheduler.Config
	if err := loader.ReadJSON(context.Background(), tinyscenes.FS, "scheduler/scheduler_config.json", &config); err != nil {
		return nil, err
	}
	return diffusion.New(tokenizer, text, u, v, &config)
}

// psnr is the peak signal-to-noise ratio of 8-bit pictures in dB, at most 99.
func psnr(a, b *image.NRGBA) float64 {
	var sum float64
	for i, v := range a.Pix {
		d := float64(v) - float64(b.Pix[i])
		sum += d * d
	}
	mse := sum / float64(len(a.Pix)*3/4) // alpha is always 255
	return min(99, 10*math.Log10(255*255/mse))
}

func drawSheet(name string, rows [][]*image.NRGBA) error {
	const cell = 132
	out := image.NewNRGBA(image.Rect(0, 0, cell*len(rows[0]), cell*len(rows)))
	for y, row := range rows {
		for x, img := range row {
			draw.Draw(out, image.Rect(x*cell, y*cell, x*cell+128, y*cell+128), img, image.Point{}, draw.Src)
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := png.Encode(f, out); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
