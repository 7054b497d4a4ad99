package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"time"

	"sdgo/diffusion"
	"sdgo/sampler"
)

// pictureReport is what a whole picture takes.
type pictureReport struct {
	Model     string  `json:"model"`
	Precision string  `json:"precision"`
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Steps     int     `json:"steps"`
	Load      float64 `json:"load_s"`
	Ready     float64 `json:"to_first_step_s"` // from the start of the process to the first call of the U-Net
	First     float64 `json:"first_step_s"`    // which that call takes: its memory is new
	Text      float64 `json:"text_encoder_s"`
	Sampling  float64 `json:"sampling_s"`
	Decode    float64 `json:"vae_decode_s"`
	PNG       float64 `json:"png_s"`
	Picture   float64 `json:"picture_s"`         // from the text to the PNG, without the load
	Memory    int64   `json:"peak_memory_bytes"` // of the process; 0 if not known
}

// started is when the process began, but for what the system did before.
var started = time.Now()

// timeFirst writes to r when the first call of the U-Net begins, and how long it takes.
func (r *pictureReport) timeFirst(denoise sampler.Denoiser) sampler.Denoiser {
	return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		if r.Ready > 0 {
			return denoise(ctx, x, sigma)
		}
		r.Ready = time.Since(started).Seconds()
		estimate, err := denoise(ctx, x, sigma)
		r.First = time.Since(started).Seconds() - r.Ready
		return estimate, err
	}
}

// picture loads a pipeline and makes one picture.
func picture(ctx context.Context, o *options, asJSON bool, w, stderr io.Writer) error {
	fsys, err := o.open()
	if err != nil {
		return err
	}
	dev, err := diffusion.ParseDevice(o.device)
	if err != nil {
		return err
	}
	begin := time.Now()
	pipe, err := diffusion.LoadFSContext(ctx, fsys, &diffusion.LoadOptions{Variant: o.variant, Precision: o.precision, Weights: o.weights, Threads: o.threads, MaxMemory: o.maxMemory, Device: dev, Cache: o.cache})
	if err != nil {
		return err
	}
	defer pipe.Close()
	r := &pictureReport{Model: o.model, Precision: o.precision, Steps: o.steps, Load: time.Since(begin).Seconds()}
	adapters, err := o.adapters.Load(ctx, pipe, "bench", stderr)
	if err != nil {
		return err
	}
	result, err := pipe.TextToImage(ctx, "a lighthouse at dusk", &diffusion.Options{Width: o.size, Height: o.size, Steps: o.steps, Guidance: o.guidance, Seed: 1, Adapters: adapters, Wrap: r.timeFirst})
	if err != nil {
		return err
	}
	drawn := time.Now()
	if err := png.Encode(io.Discard, result.Images[0]); err != nil {
		return err
	}
	r.PNG = time.Since(drawn).Seconds()
	r.Picture = result.Timings.Total.Seconds() + r.PNG
	size := result.Images[0].Bounds()
	r.Width, r.Height = size.Dx(), size.Dy()
	t := result.Timings
	r.Text, r.Sampling, r.Decode = t.TextEncoder.Seconds(), t.Sampling.Seconds(), t.VAEDecoder.Seconds()
	r.Memory = peakMemory()
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	_, err = fmt.Fprintf(w, "%s, %s, %d×%d, %d steps: load %.3f s, first step after %.3f s in %.2f s, text %.3f s, sampling %.2f s, decode %.2f s, PNG %.3f s: a picture in %.2f s; peak memory of the process %.2f GB\n",
		r.Model, r.Precision, r.Width, r.Height, r.Steps, r.Load, r.Ready, r.First, r.Text, r.Sampling, r.Decode, r.PNG, r.Picture, float64(r.Memory)/1e9)
	return err
}
