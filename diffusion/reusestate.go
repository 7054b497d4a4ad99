package diffusion

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

// A saved run that reuses features is
//
//	magic, length of the header as uint32, header in JSON,
//	the sampler's saved run,
//	of each image with a feature that, then with a threshold the first layers'
//	output, all float32, then the SHA-256 of all that;
//
// numbers are little-endian.
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
	header, err := json.Marshal(k.header(len(run)))
	if err != nil {
		return nil, fmt.Errorf("diffusion: save: %w", err)
	}
	out := binary.LittleEndian.AppendUint32([]byte(keptMagic), uint32(len(header)))
	out = append(append(out, header...), run...)
	for _, image := range k.images {
		if image.state.Conditions == "" {
			continue
		}
		for _, x := range [][]float32{image.feature, image.first} {
			for _, v := range x {
				out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
			}
		}
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), nil
}

// restore takes what is kept from the bytes that save returned, and returns the
// sampler's saved run.
func (k *keeper) restore(data []byte) ([]byte, error) {
	reuse := bytes.HasPrefix(data, []byte(keptMagic))
	switch {
	case k == nil && reuse:
		return nil, fmt.Errorf("have a run that was saved with Options.Reuse, want one without")
	case k == nil:
		return data, nil
	case !reuse:
		return nil, fmt.Errorf("have a run that was saved without Options.Reuse, want one with %+v", k.Reuse)
	}
	body := len(data) - sha256.Size
	if body < len(keptMagic)+4 || sha256.Sum256(data[:body]) != [sha256.Size]byte(data[body:]) {
		return nil, fmt.Errorf("saved run: the checksum does not match: the bytes were changed or cut")
	}
	length := binary.LittleEndian.Uint32(data[len(keptMagic):])
	rest := data[len(keptMagic)+4 : body]
	var h keptHeader
	if uint64(length) > uint64(len(rest)) {
		return nil, fmt.Errorf("saved run: have a header of %d bytes, want at most %d", length, len(rest))
	}
	if err := json.Unmarshal(rest[:length], &h); err != nil {
		return nil, fmt.Errorf("saved run: header: %w", err)
	}
	rest = rest[length:]
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
		for _, x := range [][]float32{image.feature, image.first} {
			for j := range x {
				x[j] = math.Float32frombits(binary.LittleEndian.Uint32(rest[4*j:]))
			}
			rest = rest[4*len(x):]
		}
	}
	return run, nil
}
