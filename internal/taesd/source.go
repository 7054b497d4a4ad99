package taesd

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sdgo/internal/loader"
	"sdgo/internal/quote"
)

// Source is the checkpoint of an AutoencoderTiny in the names of diffusers, of tensors of
// one file or two, which closing it closes. It implements [checkpoint.Source].
type Source struct {
	files  []*loader.Folder
	names  []string
	places map[string]place
	unused []string
	config []byte
}

// place is a tensor in a file.
type place struct {
	file *loader.Folder
	name string
}

// has says whether there is anything of a half.
func (s *Source) has(half string) bool {
	return slices.ContainsFunc(s.names, func(name string) bool { return strings.HasPrefix(name, half+".") })
}

// dim is one of a tensor's dimensions, or 0.
func (s *Source) dim(name string, axis int) int {
	shape, _, _ := s.Tensor(name)
	if axis >= len(shape) {
		return 0
	}
	return shape[axis]
}

// conv says whether a layer is a convolution alone, and block whether it is a block.
func (s *Source) conv(half string, i int) bool { return s.dim(key(half, i, "weight"), 0) > 0 }
func (s *Source) block(half string, i int) bool {
	return s.dim(key(half, i, inBlock), 0) > 0
}

func key(half string, i int, rest string) string {
	return fmt.Sprintf("%s.layers.%d.%s", half, i, rest)
}

// levels counts the blocks of each level of a half, whose layers after the first
// convolution begin at number i, and finds the last convolution, which alone has a bias.
// Between the levels there is a convolution, and before it in the decoder a layer
// without tensors, which enlarges.
func (s *Source) levels(half string, i int) (blocks []int, last int, err error) {
	between := 0
	if half == decoder {
		between = 1
	}
	for n := 0; ; {
		bias := key(half, i, "bias")
		switch {
		case s.block(half, i):
			n++
			i++
		case s.conv(half, i) && s.dim(bias, 0) > 0:
			return append(blocks, n), i, nil
		case s.conv(half, i+between):
			blocks, n = append(blocks, n), 0
			i += between + 1
		default:
			return nil, 0, fmt.Errorf("taesd: the %s: have no layer %d, want a block or a convolution", half, i)
		}
	}
}

// configure writes the configuration that the tensors tell.
func (s *Source) configure() error {
	down, last, err := s.levels(decoder, 2)
	if err != nil {
		return err
	}
	width := s.dim(key(decoder, 0, "weight"), 0)
	config := map[string]any{
		"_class_name":                "AutoencoderTiny",
		"latent_channels":            s.dim(key(decoder, 0, "weight"), 1),
		"out_channels":               s.dim(key(decoder, last, "weight"), 0),
		"num_decoder_blocks":         down,
		"decoder_block_out_channels": slices.Repeat([]int{width}, len(down)),
		"num_encoder_blocks":         down, // of none
		"encoder_block_out_channels": slices.Repeat([]int{width}, len(down)),
	}
	if s.has(encoder) {
		up, _, err := s.levels(encoder, 1)
		if err != nil {
			return err
		}
		width := s.dim(key(encoder, 0, "weight"), 0)
		config["in_channels"] = s.dim(key(encoder, 0, "weight"), 1)
		config["num_encoder_blocks"] = up
		config["encoder_block_out_channels"] = slices.Repeat([]int{width}, len(up))
	}
	s.config, err = json.Marshal(config)
	return err
}

// Config implements [checkpoint.Source].
func (s *Source) Config() []byte { return slices.Clone(s.config) }

// Names implements [checkpoint.Source].
func (s *Source) Names() []string { return slices.Clone(s.names) }

// Tensor implements [checkpoint.Source].
func (s *Source) Tensor(name string) (shape []int, dtype string, ok bool) {
	if at, ok := s.places[name]; ok {
		return at.file.Tensor(at.name)
	}
	return nil, "", false
}

// Float32s implements [checkpoint.Source].
func (s *Source) Float32s(name string, from int, dst []float32) error {
	at, ok := s.places[name]
	if !ok {
		return fmt.Errorf("taesd: no tensor %.200q", name)
	}
	return at.file.Float32s(at.name, from, dst)
}

// Release implements [checkpoint.Source].
func (s *Source) Release(name string) {
	if at, ok := s.places[name]; ok {
		at.file.Release(at.name)
	}
}

// Changed implements [checkpoint.Source].
func (s *Source) Changed() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Changed())
	}
	return errors.Join(errs...)
}

// maxNamed is how many tensors a warning names.
const maxNamed = 5

// Warnings implements [checkpoint.Source].
func (s *Source) Warnings() []string {
	if len(s.unused) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d tensors were left out, such as %s", len(s.unused), quote.Lines(s.unused[:min(len(s.unused), maxNamed)], ", "))}
}

// Close implements [checkpoint.Source].
func (s *Source) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
