package diffusion

import (
	"fmt"
	"image"
	"slices"

	"sdgo/internal/model"
	"sdgo/unet"
)

// ImagePrompt is a prompt of pictures: what they show is led to, in content and style, as
// the text is.
type ImagePrompt struct {
	// Adapter is the adapter that makes the pictures a prompt.
	Adapter *IPAdapter

	// Images are the pictures, 1 to 64, which the model sees side by side. They are read
	// during the call and must not change. What is beyond a square in the middle is not
	// seen.
	Images []image.Image

	// Scale is how much they count. Zero means 1; 0.5 to 0.8 leaves more to the text.
	Scale float64

	// Blocks are scales of parts of the U-Net, that multiply Scale, by their names in
	// diffusers, such as "mid_block", "up_blocks.0" or "down_blocks.2.attentions.1"; of
	// several the longest counts. Parts that have none do not see the pictures. Nil means
	// that all see them. In Stable Diffusion XL "up_blocks.0.attentions.1" alone takes the
	// style, and "down_blocks.2.attentions.1" beside it the layout (InstantStyle, Wang et al.
	// 2024), as diffusers' set_ip_adapter_scale says {"up": {"block_0": [0, 1, 0]}}.
	//
	// https://arxiv.org/abs/2404.02733
	Blocks map[string]float64

	// Mask is where the pictures count: where it is white, from luminance 128 on. It is
	// resized to the picture. Nil means everywhere. Pictures with masks of their own are
	// prompts of their own, which may have the same Adapter.
	Mask image.Image
}

// These bound image prompts.
const (
	maxImagePrompts = 64
	maxPromptImages = 64
)

// imagePrompt is one of a run's.
type imagePrompt struct {
	*ImagePrompt
	number int
	images []*source
	mask   *source   // nil for none
	scales []float64 // of each attention of the U-Net to the text
}

// prepareImagePrompts checks the image prompts, which the networks count. What the U-Net
// reads is known by then.
func (r *run) prepareImagePrompts() error {
	prompts, err := r.imagePrompts(&r.Options)
	if err != nil || prompts == nil {
		return err
	}
	r.shown = &shown{run: r, prompts: prompts}
	for _, s := range r.shapes() {
		r.shown.reads += s.texts
	}
	r.own += r.shown.bytes()
	r.steers = append(r.steers, r.shown.steer)
	return nil
}

// imagePrompts checks the image prompts of options, and returns those that the U-Net sees.
func (p *Pipeline) imagePrompts(o *Options) (prompts []*imagePrompt, err error) {
	if o == nil {
		return nil, nil
	}
	if len(o.ImagePrompts) > maxImagePrompts {
		return nil, badOption("ImagePrompts", "have %d, want at most %d", len(o.ImagePrompts), maxImagePrompts)
	}
	for i := range o.ImagePrompts {
		prompt := &imagePrompt{ImagePrompt: &o.ImagePrompts[i], number: i}
		if err := prompt.prepare(p); err != nil {
			return nil, badOption("ImagePrompts", "number %d: %w", i, err)
		}
		if len(prompt.form().Attentions) > 0 {
			prompts = append(prompts, prompt)
		}
	}
	return prompts, nil
}

// prepare checks a prompt for a pipeline.
func (p *imagePrompt) prepare(of *Pipeline) (err error) {
	if err := p.Adapter.ready(); err != nil {
		return err
	}
	if !p.Adapter.unet.Same(model.Of(of.UNet)) {
		return fmt.Errorf("have an IP-Adapter that was loaded for another model, want one that this pipeline loaded")
	}
	if n := len(p.Images); n < 1 || n > maxPromptImages {
		return fmt.Errorf("have %d pictures, want 1 to %d", n, maxPromptImages)
	}
	for i, img := range p.Images {
		s, err := newSource(fmt.Sprintf("image prompt %d: picture %d", p.number, i), img)
		if err != nil {
			return err
		}
		p.images = append(p.images, s)
	}
	if p.Mask != nil {
		if p.mask, err = newSource(fmt.Sprintf("image prompt %d: mask", p.number), p.Mask); err != nil {
			return err
		}
	}
	return p.chooseScales(of.UNet.CrossAttentions())
}

// chooseScales finds the scale of each attention.
func (p *imagePrompt) chooseScales(attentions []unet.CrossAttention) error {
	scale := p.Scale
	if scale == 0 {
		scale = 1
	}
	if err := checkWeight("scale", scale); err != nil {
		return err
	}
	p.scales = make([]float64, len(attentions))
	for i, a := range attentions {
		if p.scales[i] = scale; p.Blocks != nil {
			p.scales[i] *= p.Blocks[longestBlock(p.Blocks, a.Path)]
		}
	}
	for block, factor := range p.Blocks {
		if !slices.ContainsFunc(attentions, func(a unet.CrossAttention) bool { return inBlock(a.Path, block) }) {
			return fmt.Errorf("have a scale for the block %.80q, want one of the U-Net that attends to the text, such as %q", block, attentions[0].Path)
		}
		if err := checkWeight(block, factor); err != nil {
			return err
		}
	}
	return nil
}

// form is what the work for the prompt depends on.
func (p *imagePrompt) form() unet.ImageForm {
	f := unet.ImageForm{Tokens: len(p.images) * p.Adapter.adapter.TokensOf(p.Adapter.encoder.Config.Tokens()), Masked: p.mask != nil}
	for i, scale := range p.scales {
		if scale != 0 {
			f.Attentions = append(f.Attentions, i)
		}
	}
	return f
}
