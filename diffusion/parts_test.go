package diffusion

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
	"sdgo/vae"
)

// counted counts how often a checkpoint is closed.
type counted struct {
	checkpoint.Source
	closed int
}

func (c *counted) Close() error { c.closed++; return c.Source.Close() }

// A token that an overlay gives the vector of another's draws what that one draws: as a
// textual inversion would be added. The VAE is another model's, in the same bytes.
func TestLoadOverlay(t *testing.T) {
	model := golden.Model(t, "tiny-sd15")
	plain := load(t, "tiny-sd15", nil)
	id, ok := plain.Tokenizer.TokenID("red</w>")
	require.True(t, ok)
	tokenizer, added, err := plain.Tokenizer.WithTokens("<crimson>")
	require.NoError(t, err)

	const table = "text_model.embeddings.token_embedding.weight"
	var other *counted
	var parts []string
	p, err := LoadFS(model, &LoadOptions{Overlay: func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		parts = append(parts, part)
		switch part {
		case "text_encoder":
			shape, _, ok := src.Tensor(table)
			require.True(t, ok)
			require.Equal(t, []int{shape[0]}, added, "the next row")
			row := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, shape[1]))
			require.NoError(t, src.Float32s(table, id*shape[1], row.Float32s()))
			o := checkpoint.NewOverlay(src)
			require.NoError(t, o.Append(table, row))
			return o, o.SetConfig("vocab_size", shape[0]+1)
		case "vae":
			another, err := vae.Open(t.Context(), model, "vae", "")
			other = &counted{Source: another}
			return other, err
		}
		return src, nil
	}})
	require.NoError(t, err)
	defer p.Close()
	assert.Equal(t, []string{"text_encoder", "unet", "vae"}, parts)
	assert.Equal(t, 1, other.closed)
	p.Tokenizer = tokenizer

	draw := func(p *Pipeline, prompt string) []uint8 {
		r, err := p.TextToImage(t.Context(), prompt, quick(1))
		require.NoError(t, err)
		return r.Images[0].Pix
	}
	want := draw(plain, "a red cat")
	assert.Equal(t, want, draw(p, "a <crimson> cat"))
	assert.NotEqual(t, want, draw(p, "a cat"))
}

// An overlay that fails, or breaks the checkpoint, ends the loading.
func TestLoadOverlayErrors(t *testing.T) {
	failed := errors.New("no adapter")
	for _, tt := range []struct {
		part, want string
		overlay    func(src checkpoint.Source) (checkpoint.Source, error)
	}{
		{"unet", "diffusion: load: overlay of the unet: no adapter", func(checkpoint.Source) (checkpoint.Source, error) { return nil, failed }},
		{"vae", "diffusion: load: overlay of the vae: have no checkpoint, want one", func(checkpoint.Source) (checkpoint.Source, error) { return nil, nil }},
		{"text_encoder", "diffusion: load: clip: config: json: cannot unmarshal number into Go struct field .Config.hidden_act of type string", func(src checkpoint.Source) (checkpoint.Source, error) {
			o := checkpoint.NewOverlay(src)
			return o, o.SetConfig("hidden_act", 1)
		}},
	} {
		_, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Overlay: func(part string, src checkpoint.Source) (checkpoint.Source, error) {
			if part != tt.part {
				return src, nil
			}
			return tt.overlay(src)
		}})
		assert.EqualError(t, err, tt.want)
	}
}

// closing panics when it is closed.
type closing struct{ checkpoint.Source }

func (closing) Close() error { panic("boom") }

// Whatever ends the loading, all that was opened is closed. A panic of Overlay passes
// through; one of a checkpoint is an error that names the caller's type.
func TestLoadOverlayCloses(t *testing.T) {
	for want, fail := range map[string]func(src checkpoint.Source) checkpoint.Source{
		"passed through: mine": func(checkpoint.Source) checkpoint.Source { panic("mine") },
		"diffusion: load: unet: the checkpoint, a diffusion.closing, panicked: boom": func(src checkpoint.Source) checkpoint.Source { return closing{src} },
	} {
		var opened []checkpoint.Source
		load := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("passed through: %v", r)
				}
			}()
			_, err = LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Overlay: func(part string, src checkpoint.Source) (checkpoint.Source, error) {
				opened = append(opened, src)
				if part == "unet" {
					return fail(src), nil
				}
				return src, nil
			}})
			return err
		}
		assert.EqualError(t, load(), want)
		for _, src := range opened {
			name := src.Names()[0]
			assert.ErrorContains(t, src.Float32s(name, 0, make([]float32, 1)), "closed", want)
		}
	}
}
