package diffusion

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"strings"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
	"sdgo/vae"
)

// vqPart is what pipelines without text call their autoencoder.
const vqPart = "vqvae"

// textlessUNet is the class of U-Nets that read no text.
const textlessUNet = "UNet2DModel"

// oursTextless are the parts of pipelines without text; those on pixels have no autoencoder.
var oursTextless = map[string][]string{
	"unet":      {textlessUNet},
	"scheduler": nil,
	vqPart:      {"VQModel", "AutoencoderKL", "AutoencoderTiny"},
	"vae":       {"VQModel", "AutoencoderKL", "AutoencoderTiny"},
}

// textlessKinds are the parts of such a model that have weights.
var textlessKinds = map[string]loader.Kind{ldm.UNet: loader.UNet.Of(textlessUNet), ldm.VAE: loader.VAE}

// textless says whether the model reads no text.
func (x *index) textless() bool { return x.parts["unet"] == textlessUNet }

// autoencoder is the part that makes pictures of latents, or "" of a model on pixels.
func (x *index) autoencoder() string {
	for _, part := range []string{vqPart, "vae"} {
		if x.parts[part] != "" {
			return part
		}
	}
	return ""
}

// wantedTextless are the parts that such a model must have.
func (x *index) wantedTextless() map[string][]string {
	parts := map[string][]string{}
	autoencoder := x.autoencoder()
	if autoencoder == "" && strings.HasPrefix(x.class, "LDM") { // which is not for pixels
		autoencoder = vqPart
	}
	for _, part := range []string{"unet", "scheduler", autoencoder} {
		if part != "" {
			parts[part] = oursTextless[part]
		}
	}
	return parts
}

// openTextless opens the folder of a model that reads no text. Its parts may lie in the
// folder itself, as the oldest have them.
func openTextless(ctx context.Context, fsys fs.FS, x *index, o *LoadOptions) (*modelFiles, error) {
	f := &modelFiles{warnings: x.warnings, class: x.class, pixels: x.autoencoder() == "", close: func() error { return nil }}
	f.names = []named{{"_name_or_path of " + indexFile, x.name}}
	if err := f.checkTextlessOptions(o); err != nil {
		return nil, err
	}
	file := schedulerFile
	if !isDir(fsys, "scheduler") {
		file = "scheduler_config.json"
	}
	var err error
	if f.schedule, err = loadSchedulerFile(ctx, fsys, file, x); err != nil {
		return nil, err
	}
	if x.class == "DDIMPipeline" {
		if f.schedule, err = f.schedule.As("DDIMScheduler"); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	f.predictsAs(o, file)
	for _, w := range f.schedule.Warnings {
		f.warnings = append(f.warnings, file+": "+w)
	}
	dirs := map[string]string{ldm.UNet: partDir(fsys, "unet"), ldm.VAE: partDir(fsys, x.autoencoder())}
	variants := map[string]string{}
	for part, dir := range dirs {
		variants[part] = variantIn(fsys, dir, textlessKinds[part], o.Variant)
	}
	if o.Variant != "" && cmp.Or(variants[ldm.UNet], variants[ldm.VAE]) == "" {
		return nil, fmt.Errorf("variant: have %.80q, which no part has", o.Variant)
	}
	f.open = func(ctx context.Context, part string) (checkpoint.Source, error) {
		return loader.Open(ctx, textlessKinds[part], fsys, dirs[part], variants[part])
	}
	return f, nil
}

// partDir is the folder of a part: of its name, or the whole.
func partDir(fsys fs.FS, part string) string {
	if part != "" && isDir(fsys, part) {
		return part
	}
	return "."
}

// predictsAs settles what the model predicts.
func (f *modelFiles) predictsAs(o *LoadOptions, file string) {
	f.identity.Prediction, f.identity.DecidedBy = f.schedule.PredictionType, file
	if o.Prediction != "" {
		f.schedule.PredictionType = o.Prediction
		f.identity.Prediction, f.identity.DecidedBy = o.Prediction, "LoadOptions.Prediction"
	}
}

// checkTextlessOptions wants none that is for another kind of model.
func (f *modelFiles) checkTextlessOptions(o *LoadOptions) error {
	for _, option := range []struct{ name, path string }{
		{"Tokenizer", o.Tokenizer}, {"TextEncoder", o.TextEncoder}, {"TextEncoder2", o.TextEncoder2},
	} {
		if option.path != "" {
			return badOption(option.name, "have %.80q, want none: the model reads no text", option.path)
		}
	}
	switch {
	case o.VAE != "" && f.pixels:
		return badOption("VAE", "have %.80q, want none: the model works on pixels", o.VAE)
	case o.EMA:
		return badOption("EMA", "have true, want false for a folder, whose averages over training are a variant, if it has any")
	}
	return nil
}

// finishTextless completes a model without text: one on pixels has no files for its VAE,
// and diffusers does not scale the latents of one that enlarges a picture.
func (p *Pipeline) finishTextless(ctx context.Context, f *modelFiles, o *LoadOptions) (err error) {
	p.class = f.class
	if f.pixels && p.UNet != nil {
		c := &p.UNet.Config
		p.VAE, err = vae.Pixels(ctx, min(c.InChannels, c.OutChannels), &vae.LoadOptions{Precision: o.Precision, Weights: o.Weights})
	}
	if f.class == superResolution && p.VAE != nil {
		p.VAE.Config.ScalingFactor = 1
	}
	return err
}
