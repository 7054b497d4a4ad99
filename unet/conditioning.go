package unet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Conditioning is what steers a prediction beside the latents and their times: tensors,
// or nodes of a graph, all of float32. A field that the U-Net does not take must be nil,
// and one that it needs must not. N is the number of samples.
type Conditioning[T comparable] struct {
	// Tokens [N T D] are the embedding of the text, of any number of tokens, D being
	// Config.CrossAttentionDim. Every U-Net but a UNet2DModel needs them.
	Tokens T
	// TokenMask [N T] has 0 for tokens that are hidden, one at least of each sample being
	// seen, and 1 for others. With nil all are seen.
	TokenMask T
	// ImageTokens [N T D] are the embedding of a picture, of any number of tokens, to
	// which the pixels attend beside the text (Ye et al. 2023, section 3.2). A U-Net takes
	// them if it has the weights of an IP-Adapter. With nil nothing is added.
	//
	// https://arxiv.org/abs/2308.06721
	ImageTokens T
	// PooledText [N D] is the embedding of the whole text, and TimeIDs [N K] are
	// numbers of any kind: of SDXL the sizes and the corner of the picture in training
	// (Podell et al. 2024, section 2.2). A U-Net whose addition_embed_type is text_time
	// needs both.
	//
	// https://arxiv.org/abs/2307.01952
	PooledText, TimeIDs T
	// ClassLabels are the label of each sample: [N] whole numbers, or any where
	// class_embed_type is timestep; else vectors [N D]. An upscaler's noise level is one.
	ClassLabels T
	// TimeCond [N D], D being Config.TimeCondProjDim, is added to the embedding of the
	// times: mostly the guidance scale, see GuidanceEmbedding. With nil nothing is added.
	TimeCond T
	// Boxes [N K F] are what stands in boxes of the picture (Li et al. 2023): for each the
	// embedding [D] of a phrase, of attention_type gated-text-image that of a picture [D]
	// behind it, and the corners as BoxCorners has them. BoxMask [N K M], M being 2 or 3,
	// has 1 for each of these parts that is there, and 0 for others, whose numbers must be
	// zeros: the network puts learned ones in their place. A U-Net of attention_type gated or
	// gated-text-image takes both, or neither. It was trained with K = 30, unused ones
	// included.
	//
	// https://arxiv.org/abs/2301.07093
	Boxes, BoxMask T
	// Channels [N C H W] are joined to the latents, which then have so many fewer than
	// Config.InChannels: a mask and the latents under it, a depth map, a small picture.
	Channels T
	// Images are pictures that IP-Adapters show, whose weights the U-Net does not have. With
	// nil nothing is added.
	Images *Images[T]
	// Residuals are what a ControlNet adds, and Features what a T2I-Adapter does. With nil
	// nothing is added.
	Residuals *Residuals[T]
	Features  *Features[T]
}

// Text returns the conditioning by text alone, as that of Stable Diffusion 1 and 2.
func Text[T comparable](tokens T) Conditioning[T] { return Conditioning[T]{Tokens: tokens} }

// dims are the sizes of a tensor of up to four dimensions, zero where it has fewer. A
// Conditioning of them is part of a plan's key.
type dims [4]int

func dimsOf(shape []int) (d dims) {
	copy(d[:], shape)
	return d
}

func (d dims) shape() []int { return slices.DeleteFunc(d[:], func(n int) bool { return n == 0 }) }

// field is a field of a Conditioning: its name, where it is, and the shape that the
// U-Net takes, with -1 for any size, or nil if it takes none.
type field[T any] struct {
	name   string // of the plan's input; with spaces in errors
	at     *T
	shape  []int
	needed bool
}

func (f *field[T]) title() string { return strings.ReplaceAll(f.name, "_", " ") }

// fields returns all fields of c but pictures, residuals and features, for latents [n c h w]. This is the
// one list of what a U-Net takes: tensors and nodes are checked, and plans made, by it.
func fields[T comparable](u *UNet, c *Conditioning[T], latents dims) []field[T] {
	n, t, width := latents[0], u.time, u.Config.CrossAttentionDim.At(0)
	if u.anyText {
		width = -1
	}
	rest := u.Config.InChannels - latents[1]
	return []field[T]{
		{tokensInput, &c.Tokens, taken(width != 0, n, -1, width), width != 0},
		{"token_mask", &c.TokenMask, taken(width != 0, n, -1), false},
		{imageTokensInput, &c.ImageTokens, taken(u.takesImages(), n, -1, width), false},
		{"pooled_text", &c.PooledText, taken(t.text != nil, n, -1), t.text != nil},
		{"time_ids", &c.TimeIDs, taken(t.text != nil, n, -1), t.text != nil},
		{"class_labels", &c.ClassLabels, t.class.shape(n), t.class != nil},
		{timeCondInput, &c.TimeCond, taken(t.condProj != nil, n, u.Config.timeCond()), false},
		{"boxes", &c.Boxes, u.position.shape(n, true), false},
		{"box_mask", &c.BoxMask, u.position.shape(n, false), false},
		{channelsInput, &c.Channels, taken(rest > 0, n, rest, latents[2], latents[3]), rest > 0},
	}
}

// taken is the shape of a field, or nil if it is none that the U-Net takes.
func taken(ok bool, shape ...int) []int {
	if !ok {
		return nil
	}
	return shape
}

// check wants of c what the U-Net takes, for latents [n c h w], and calls each for what
// there is: it checks the tensor and returns its shape. The shapes of all are what check
// returns, and the forms of pictures.
func check[T comparable](u *UNet, c *Conditioning[T], latents dims, each func(f field[T]) ([]int, error)) (shapes Conditioning[dims], images []ImageForm, err error) {
	var none T
	out := fields(u, &shapes, latents)
	for i, f := range fields(u, c, latents) {
		switch there := *f.at != none; {
		case there && f.shape == nil:
			return shapes, nil, fmt.Errorf("%s: have them, want none: the %s takes %s", f.title(), u.name(), u.takes())
		case !there && f.needed:
			return shapes, nil, fmt.Errorf("%s: have none, want %v: the %s takes %s", f.title(), f.shape, u.name(), u.takes())
		case there:
			shape, err := each(f)
			if err != nil {
				return shapes, nil, err
			}
			*out[i].at = dimsOf(shape)
		}
	}
	if have, want := shapes.TokenMask[1], shapes.Tokens[1]; shapes.TokenMask != (dims{}) && have != want {
		return shapes, nil, fmt.Errorf("token mask: have numbers for %d tokens, want for %d", have, want)
	}
	if have, want := shapes.BoxMask[1], shapes.Boxes[1]; have != want {
		return shapes, nil, fmt.Errorf("box mask: have it for %d boxes, want it for %d: there is one for each, or none for none", have, want)
	}
	if u.time.text != nil {
		if err := u.time.text.check(shapes.PooledText[1], shapes.TimeIDs[1]); err != nil {
			return shapes, nil, err
		}
	}
	if c.Images != nil {
		if images, err = checkImages(u, c.Images, latents, each); err != nil {
			return shapes, nil, err
		}
	}
	added, err := addedFields(u, c, countOf(c.Features), latents)
	if err != nil {
		return shapes, nil, err
	}
	for _, f := range added {
		if _, err := each(f); err != nil {
			return shapes, nil, err
		}
	}
	return shapes, images, nil
}

// addFields gives c the residuals and features that a shape has, and returns their fields.
func addFields[T comparable](u *UNet, c *Conditioning[T], s shape) []field[T] {
	if s.residuals {
		c.Residuals = &Residuals[T]{Down: make([]T, len(u.downs))}
	}
	if s.features != (featureCount{}) {
		c.Features = &Features[T]{Levels: make([]T, s.features.levels)}
	}
	all, _ := addedFields(u, c, s.features, s.latents) // there are as many as were checked
	return all
}

// addedFields are those of the residuals and the features that there are.
func addedFields[T comparable](u *UNet, c *Conditioning[T], count featureCount, latents dims) (all []field[T], err error) {
	if c.Residuals != nil {
		if all, err = residualFields(u, c.Residuals, latents); err != nil {
			return nil, err
		}
	}
	if c.Features != nil {
		features, err := featureFields(u, c.Features, count, latents)
		if err != nil {
			return nil, err
		}
		all = append(all, features...)
	}
	return all, nil
}

// name is what the network is called in errors.
func (u *UNet) name() string { return cmp.Or(u.title, "U-Net") }

// takes lists the fields that the U-Net takes, with their shapes.
func (u *UNet) takes() string {
	var list []string
	for _, f := range fields(u, &Conditioning[dims]{}, dims{-1, u.Config.InChannels, -1, -1}) {
		if f.shape == nil {
			continue
		}
		text := fmt.Sprintf("%s %v", f.title(), f.shape)
		if !f.needed {
			text += " if any"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}
