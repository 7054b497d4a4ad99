// Package ipadapter reads IP-Adapters (Ye et al. 2023): projections of what CLIP's image
// encoder makes of a picture to tokens, and of these to keys and values for each attention
// of a U-Net to the text.
//
//	embedding or tokens of the picture ─ image_proj ─ tokens ─┬─ to_k_ip ─ keys
//	                                                          └─ to_v_ip ─ values
//
// https://arxiv.org/abs/2308.06721
package ipadapter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Tensors are those of a file.
type Tensors interface {
	Names() []string
	Tensor(name string) (shape []int, dtype string, ok bool)
}

// Kind is how an adapter makes tokens of a picture.
type Kind int

const (
	// Plain is a linear layer of the embedding of the whole picture.
	Plain Kind = iota
	// Plus is a resampler: a few learned tokens that attend to those of the picture.
	Plus
	// Full is two layers for each token of the picture ("full face").
	Full
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Plain:
		return "IP-Adapter"
	case Plus:
		return "IP-Adapter Plus"
	case Full:
		return "IP-Adapter Full"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// About is what the names and shapes of an adapter's tensors tell.
type About struct {
	Kind   Kind
	In     int   // numbers of the embedding, or of a token, that it reads
	Cross  int   // of a token that it makes: those of a text's token
	Tokens int   // that it makes, or 0: as many as the picture has
	Widths []int // of the attentions that it is for, in the order of diffusers
}

// Embedding says whether it reads the embedding of the whole picture, and not that of each
// token of the last layer but one.
func (a *About) Embedding() bool { return a.Kind == Plain }

const (
	imageProj = "image_proj"
	ipAdapter = "ip_adapter"
)

// FaceError is the error for an adapter that reads the embedding of a face, not a picture.
type FaceError struct{ What string }

func (e *FaceError) Error() string {
	return fmt.Sprintf("this is %s, which reads the embedding of a face as InsightFace makes it: it is not supported", e.What)
}

// Describe tells what an adapter is. The error is a [*FaceError] for one of faces.
func Describe(t Tensors) (*About, error) {
	a := &About{}
	dim := func(name string, axis int) int {
		shape, _, _ := t.Tensor(imageProj + "." + name)
		if axis >= len(shape) {
			return 0
		}
		return shape[axis]
	}
	switch {
	case dim("proj.weight", 0) > 0:
		a.Kind, a.Tokens, a.In, a.Cross = Plain, plainTokens, dim("proj.weight", 1), dim("norm.weight", 0)
	case dim("proj.3.weight", 0) > 0:
		a.Kind, a.In, a.Cross = Full, dim("proj.0.weight", 1), dim("proj.3.weight", 0)
	case dim("perceiver_resampler.proj_in.weight", 0) > 0:
		return nil, &FaceError{"an IP-Adapter FaceID Plus"}
	case dim("norm.weight", 0) > 0:
		return nil, &FaceError{"an IP-Adapter FaceID"}
	case dim("latents", 1) > 0 && dim("proj_in.weight", 0) > 0:
		a.Kind, a.Tokens, a.In, a.Cross = Plus, dim("latents", 1), dim("proj_in.weight", 1), dim("proj_out.weight", 0)
	default:
		return nil, errors.New("have no projection of images of a kind that is known (image_proj.proj, image_proj.latents), want an IP-Adapter")
	}
	if a.In == 0 || a.Cross == 0 {
		return nil, fmt.Errorf("%s: have tensors of another kind than an %v has", imageProj, a.Kind)
	}
	a.Widths = widths(t)
	return a, nil
}

// plainTokens is how many a plain adapter makes: no tensor tells.
const plainTokens = 4

// maxAttentions bounds the attentions of an adapter; Stable Diffusion XL has 70.
const maxAttentions = 1 << 10

// widths are those of the attentions in the order of their numbers.
func widths(t Tensors) (list []int) {
	byNumber := make(map[int]int)
	for _, name := range t.Names() {
		rest, ok := strings.CutPrefix(name, ipAdapter+".")
		digits, last, _ := strings.Cut(rest, ".")
		number, err := strconv.Atoi(digits)
		if shape, _, _ := t.Tensor(name); ok && err == nil && last == "to_k_ip.weight" && len(shape) == 2 {
			byNumber[number] = shape[0]
		}
	}
	for number := 1; len(list) < len(byNumber) && number < 2*maxAttentions; number++ {
		if width, ok := byNumber[number]; ok {
			list = append(list, width)
		}
	}
	return list
}

// Reads says whether adapters read a tensor of that name.
func Reads(name string) bool {
	return strings.HasPrefix(name, imageProj+".") || strings.HasPrefix(name, ipAdapter+".") && strings.HasSuffix(name, "_ip.weight")
}
