package diffusion

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// wrong marks an error as that of an option of [Options] or [LoadOptions], unless it is
// of one already. Nil stays nil.
func wrong(option string, err error) error {
	var known *OptionError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &OptionError{Option: option, Err: err}
}

// badOption is the error of an option, whose name begins the message.
func badOption(option, format string, values ...any) error {
	return &OptionError{Option: option, Err: fmt.Errorf("diffusion: "+words(option)+": "+format, values...)}
}

// words are the words of a field's name: "clip skip" of ClipSkip, "vae" of VAE.
func words(field string) string {
	var b strings.Builder
	lower := false // the letter before
	for _, r := range field {
		if lower && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// checkModelOptions checks what depends on the model alone.
func (r *run) checkModelOptions() error {
	if r.Tile != 0 && r.Tile != WholePicture {
		if err := r.VAE.Config.CheckTile(r.Tile); err != nil {
			return wrong("Tile", fmt.Errorf("diffusion: %w", err))
		}
	}
	if branch, most := r.Reuse.Branch, r.UNet.Branches()-1; r.Reuse.on() && (branch < 0 || branch > most) {
		return badOption("Reuse", "unet: have skip branch %d, want 1 to %d", branch, most)
	}
	for _, text := range r.textStages() {
		if layers := text.encoder.Config.NumHiddenLayers; r.ClipSkip >= layers-text.skip {
			return badOption("ClipSkip", "have %d, want 0 to %d for a model of %d layers", r.ClipSkip, layers-1-text.skip, layers)
		}
	}
	return nil
}
