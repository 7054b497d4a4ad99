package diffusion

import (
	"errors"

	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/vae"
)

// Errors that callers tell apart, by [errors.Is]. Those of the parts (packages clip,
// unet and vae) are the same values, where such a part is used alone, too.
var (
	// ErrOptions is in the error of a call or of Load whose options are wrong, in
	// themselves or for the model: it would fail each time. The error is an
	// [*OptionError], which names the option.
	ErrOptions = errors.New("diffusion: wrong options")

	// ErrTooLarge is in the error of a call or of Load that needs more memory than
	// LoadOptions.MaxMemory allows even alone: it would fail each time.
	ErrTooLarge = engine.ErrTooLarge

	// ErrNoRoom is in the error of a call for which there is no room beside other
	// calls that wait for it, as they do in whose functions it is made. It would run
	// alone. Any other call waits until there is room.
	ErrNoRoom = engine.ErrNoRoom

	// ErrClosed is in the errors of calls that begin after Close.
	ErrClosed = model.ErrClosed

	// ErrNoEncoder is in the error of a call that reads an image for a model whose VAE
	// has no encoder.
	ErrNoEncoder = vae.ErrNoEncoder

	// ErrEmptyMask is in the error of Inpaint for a mask that leaves nothing to
	// repaint: it is black everywhere, or opaque everywhere in the mode MaskAlpha, or
	// MaskCellsSample sees none of the pixels to be repainted.
	ErrEmptyMask = errors.New("diffusion: mask: have no pixel to repaint")
)

// OptionError says which option is wrong. [ErrOptions] is in it.
type OptionError struct {
	// Option is the name of the field of [Options] or [LoadOptions]: "Steps".
	Option string
	// Err says what it was and what was wanted.
	Err error
}

// Error is what Err says.
func (e *OptionError) Error() string {
	if e.Unwrap() == nil {
		return ErrOptions.Error()
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *OptionError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is says that the error is [ErrOptions].
func (e *OptionError) Is(target error) bool { return target == ErrOptions }
