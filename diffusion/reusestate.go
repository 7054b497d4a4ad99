package diffusion

import (
	"fmt"

	"sdgo/internal/saved"
)

// A saved run that reuses features has, in the form of package saved, the sampler's saved
// run, then of each image with a feature that, and with a threshold the first layers'
// output.
const (
	keptMagic   = "sdgo-reuse"
	keptVersion = 2
)

// keptHeader says what is kept.
type keptHeader struct {
	Version int         `json:"version"`
	Reuse   Reuse       `json:"reuse"`
	Run     int         `json:"run"`     // bytes of the sampler's saved run
	Feature int         `json:"feature"` // numbers of an image
	First   int         `json:"first"`
	Calls   int         `json:"calls"`
	Images  []keptState `json:"images"`
}

// header describes what k keeps.
func (k *keeper) header(run int) keptHeader {
	h := keptHeader{Version: keptVersion, Reuse: k.Reuse, Run: run, Calls: k.calls}
	for _, image := range k.images {
		h.Feature, h.First = len(image.feature), len(image.first)
		h.Images = append(h.Images, image.state)
	}
	return h
}

// save adds what is kept to a saved run.
func (k *keeper) save(run []byte) ([]byte, error) {
	if k == nil {
		return run, nil
	}
	out, err := saved.Begin(keptMagic, k.header(len(run)))
	if err != nil {
		return nil, fmt.Errorf("diffusion: save: %w", err)
	}
	out = append(out, run...)
	for _, image := range k.images {
		if image.state.Conditions == "" {
			continue
		}
		out = saved.AppendFloats(out, image.feature)
		out = saved.AppendFloats(out, image.first)
	}
	return saved.Seal(out), nil
}

// restore takes what is kept from the bytes that save returned, and returns the
// sampler's saved run.
func (k *keeper) restore(data []byte) ([]byte, error) {
	reuse := saved.Has(data, keptMagic)
	switch {
	case k == nil && reuse:
		return nil, fmt.Errorf("have a run that was saved with Options.Reuse, want one without")
	case k == nil:
		return data, nil
	case !reuse:
		return nil, fmt.Errorf("have a run that was saved without Options.Reuse, want one with %+v", k.Reuse)
	}
	var h keptHeader
	rest, err := saved.Open(data, keptMagic, &h)
	if err != nil {
		return nil, fmt.Errorf("saved run: %w", err)
	}
	numbers := 0
	for _, image := range h.Images {
		if image.Conditions != "" {
			numbers += len(k.images[0].feature) + len(k.images[0].first)
		}
	}
	switch want := k.header(0); {
	case h.Version != keptVersion:
		return nil, fmt.Errorf("saved run: have version %d, want %d", h.Version, keptVersion)
	case h.Reuse != k.Reuse:
		return nil, fmt.Errorf("have a run that was saved with reuse %+v, want %+v", h.Reuse, k.Reuse)
	case len(h.Images) != len(want.Images) || h.Feature != want.Feature || h.First != want.First:
		return nil, fmt.Errorf("saved run: have %d images with features of %d and %d numbers, want %d with %d and %d",
			len(h.Images), h.Feature, h.First, len(want.Images), want.Feature, want.First)
	case h.Run < 0 || h.Run > len(rest) || len(rest)-h.Run != 4*numbers:
		return nil, fmt.Errorf("saved run: have %d bytes, want %d and %d numbers", len(rest), h.Run, numbers)
	}
	run, rest := rest[:h.Run], rest[h.Run:]
	k.calls = h.Calls
	for i := range k.images {
		image := &k.images[i]
		if image.state = h.Images[i]; image.state.Conditions == "" {
			continue
		}
		rest = saved.TakeFloats(image.feature, rest)
		rest = saved.TakeFloats(image.first, rest)
	}
	return run, nil
}
