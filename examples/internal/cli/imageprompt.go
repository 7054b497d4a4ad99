package cli

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	"sdgo/clip"
	"sdgo/diffusion"
)

// imagePrompt is what flags say of one image prompt.
type imagePrompt struct {
	adapter string
	scale   float64
	encoder string
	images  []string
	mask    string
	blocks  map[string]float64
}

// imagePromptFlags adds the flags of image prompts. All but -ip-adapter speak of the one that
// the last -ip-adapter before them has begun.
func imagePromptFlags(f *flag.FlagSet, list *[]imagePrompt) {
	f.Func("ip-adapter", "`FILE[:SCALE]` of an IP-Adapter, such as ip-adapter_sd15.safetensors:0.6, through which the pictures of the -image-prompt after it lead the model; without a scale it is 1; may be given more than once", func(s string) error {
		a, err := weighted(s)
		if err == nil && a.Weight == 0 {
			err = fmt.Errorf("have %q, want a scale that is not 0", s)
		}
		if err == nil {
			*list = append(*list, imagePrompt{adapter: a.Path, scale: a.Weight})
		}
		return err
	})
	last := func(set func(p *imagePrompt, s string) error) func(string) error {
		return func(s string) error {
			if len(*list) == 0 {
				return fmt.Errorf("have %q before any -ip-adapter, want it behind the one that it is for", s)
			}
			return set(&(*list)[len(*list)-1], s)
		}
	}
	f.Func("image-prompt", "`file` of a picture for the -ip-adapter before it; may be given more than once, and the model sees them side by side", last(func(p *imagePrompt, s string) error {
		p.images = append(p.images, s)
		return nil
	}))
	f.Func("image-encoder", "`path` of the image encoder that the -ip-adapter before it reads, a folder or file (default the folder image_encoder beside the adapter)", last(func(p *imagePrompt, s string) error {
		p.encoder = s
		return nil
	}))
	f.Func("ip-mask", "`file` of a picture that is white where the -image-prompt before it counts (default everywhere)", last(func(p *imagePrompt, s string) error {
		p.mask = s
		return nil
	}))
	f.Func("ip-blocks", "`BLOCK=SCALE,...` of the U-Net that see the -image-prompt before it, such as up_blocks.0.attentions.1=1 for the style alone in SDXL (default all)", last(func(p *imagePrompt, s string) (err error) {
		p.blocks, err = blockScales(s)
		return err
	}))
}

// blockScales reads a list of blocks and their scales.
func blockScales(s string) (map[string]float64, error) {
	blocks := make(map[string]float64)
	for _, part := range strings.Split(s, ",") {
		block, number, ok := strings.Cut(strings.TrimSpace(part), "=")
		scale, err := strconv.ParseFloat(number, 64)
		if !ok || block == "" || err != nil {
			return nil, fmt.Errorf("have %q, want a block and a scale, such as up_blocks.1=0.5", part)
		}
		blocks[block] = scale
	}
	return blocks, nil
}

// loadImagePrompts loads those of the flags into the options.
func (c *Command) loadImagePrompts(ctx context.Context, pipe *diffusion.Pipeline) error {
	adapters, encoders := make(map[imageAdapter]*diffusion.IPAdapter), make(map[string]*clip.ImageEncoder)
	for _, named := range c.imagePrompts {
		if len(named.images) == 0 {
			return misusef("-ip-adapter: %s: have no picture for it, want an -image-prompt behind it", named.adapter)
		}
		p := diffusion.ImagePrompt{Scale: named.scale, Blocks: maps.Clone(named.blocks)}
		which := imageAdapter{named.adapter, named.encoder}
		if adapters[which] == nil {
			a, err := c.loadIPAdapter(ctx, pipe, which, encoders)
			if err != nil {
				return err
			}
			adapters[which] = a
		}
		p.Adapter = adapters[which]
		for _, path := range named.images {
			img, err := ReadImage(ctx, "image-prompt", path)
			if err != nil {
				return err
			}
			p.Images = append(p.Images, img)
		}
		if named.mask != "" {
			mask, err := ReadImage(ctx, "ip-mask", named.mask)
			if err != nil {
				return err
			}
			p.Mask = mask
		}
		c.Options.ImagePrompts = append(c.Options.ImagePrompts, p)
	}
	return nil
}

// imageAdapter is an adapter's path and its encoder's.
type imageAdapter struct{ adapter, encoder string }

// loadIPAdapter loads an adapter. Those that name the same encoder, or lie in one folder,
// share it.
func (c *Command) loadIPAdapter(ctx context.Context, pipe *diffusion.Pipeline, which imageAdapter, encoders map[string]*clip.ImageEncoder) (*diffusion.IPAdapter, error) {
	o, key := &diffusion.IPAdapterOptions{ImageEncoder: which.encoder}, which.encoder
	if key == "" {
		key = filepath.Join(filepath.Dir(which.adapter), "image_encoder")
	}
	if shared := encoders[key]; shared != nil {
		o = &diffusion.IPAdapterOptions{Encoder: shared}
	}
	a, err := pipe.LoadIPAdapterContext(ctx, which.adapter, o)
	if err != nil {
		return nil, err
	}
	encoders[key] = a.ImageEncoder()
	for _, warning := range a.Warnings {
		PrintWarning(c.stderr, c.Name(), which.adapter+": "+warning)
	}
	return a, nil
}

// safetyFlag adds the flag of a safety checker.
func safetyFlag(f *flag.FlagSet, o *diffusion.LoadOptions) {
	f.StringVar(&o.SafetyChecker, "safety-checker", "", "`folder` of a safety checker for the finished pictures, that of Stable Diffusion 1 or of a model that has one; flagged pictures become black (default none)")
}

// noteFlagged tells which pictures were flagged.
func (c *Command) noteFlagged(r *diffusion.Result) {
	for i, flagged := range r.Flagged {
		if flagged {
			c.note("picture %d (seed %d) was flagged by the safety checker", i+1, r.Seeds[i])
		}
	}
}
