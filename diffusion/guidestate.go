package diffusion

import (
	"fmt"

	"sdgo/internal/saved"
)

// A saved run whose Guider keeps something of its images has, in the form of package
// saved, that run, then of each image of which something is kept that.
const (
	guideMagic   = "sdgo-guide"
	guideVersion = 2
)

// guideHeader says what is kept.
type guideHeader struct {
	Version int    `json:"version"`
	Run     int    `json:"run"`  // bytes of the saved run
	Kept    []bool `json:"kept"` // for each image
}

// save adds what the Guider keeps to a saved run.
func (g *guide) save(run []byte) ([]byte, error) {
	h, found := guideHeader{Version: guideVersion, Run: len(run)}, false
	for _, state := range g.states {
		h.Kept = append(h.Kept, state != nil)
		found = found || state != nil
	}
	if !found {
		return run, nil
	}
	out, err := saved.Begin(guideMagic, h)
	if err != nil {
		return nil, fmt.Errorf("diffusion: save: %w", err)
	}
	out = append(out, run...)
	for _, state := range g.states {
		out = saved.AppendFloats(out, state)
	}
	return saved.Seal(out), nil
}

// restore takes what the Guider kept from the bytes that save returned, and returns the
// saved run.
func (g *guide) restore(data []byte) ([]byte, error) {
	if !saved.Has(data, guideMagic) {
		return data, nil
	}
	var h guideHeader
	rest, err := saved.Open(data, guideMagic, &h)
	if err != nil {
		return nil, fmt.Errorf("saved run: %w", err)
	}
	numbers := 0
	for _, kept := range h.Kept {
		if kept {
			numbers += g.size
		}
	}
	switch {
	case h.Version != guideVersion:
		return nil, fmt.Errorf("saved run: have version %d of what a Guider keeps, want %d", h.Version, guideVersion)
	case len(h.Kept) != len(g.states):
		return nil, fmt.Errorf("saved run: have what the Guider keeps of %d images, want %d", len(h.Kept), len(g.states))
	case h.Run < 0 || h.Run > len(rest) || len(rest)-h.Run != 4*numbers:
		return nil, fmt.Errorf("saved run: have %d bytes, want %d and %d numbers that the Guider keeps", len(rest), h.Run, numbers)
	}
	run, rest := rest[:h.Run], rest[h.Run:]
	for i, kept := range h.Kept {
		if kept {
			rest = saved.TakeFloats(g.state(i), rest)
		}
	}
	return run, nil
}
