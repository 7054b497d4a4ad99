package diffusion

import (
	"errors"
	"fmt"
)

// ErrOptions is in the error of a call or of Load, as errors.Is finds it, whose options
// are wrong, in themselves or for the model: it would fail each time. The message says
// which one and why.
var ErrOptions = errors.New("diffusion: wrong options")

// wrongOption marks an error that has ErrOptions in it.
type wrongOption struct{ error }

func (wrongOption) Is(target error) bool { return target == ErrOptions }

func (w wrongOption) Unwrap() error { return w.error }

// wrong marks an error about an option. Nil stays nil.
func wrong(err error) error {
	if err == nil {
		return nil
	}
	return wrongOption{err}
}

// checkModelOptions checks what depends on the model alone.
func (r *run) checkModelOptions() error {
	if r.Tile > 0 {
		if err := r.VAE.Config.CheckTile(r.Tile); err != nil {
			return fmt.Errorf("diffusion: %w", err)
		}
	}
	if branch, most := r.Reuse.Branch, r.UNet.Branches()-1; r.Reuse.on() && (branch < 0 || branch > most) {
		return fmt.Errorf("diffusion: reuse: unet: have skip branch %d, want 1 to %d", branch, most)
	}
	for _, text := range r.textStages() {
		if layers := text.encoder.Config.NumHiddenLayers; r.ClipSkip >= layers {
			return fmt.Errorf("diffusion: clip skip: have %d, want 0 to %d for a model of %d layers", r.ClipSkip, layers-1, layers)
		}
	}
	return nil
}
