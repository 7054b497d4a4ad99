package diffusion

import (
	"cmp"
	"errors"
	"fmt"

	"sdgo/vae"
)

// prepare settles the size of the pictures and wants the memory for them.
func (r *run) prepare(width, height int) error {
	factor := r.VAE.Config.Factor()
	if err := r.size(width, height, factor); err != nil {
		return err
	}
	if err := r.limits.checkSize(r.Width, r.Height); err != nil {
		return err
	}
	if err := cmp.Or(r.checkModelOptions(), r.checkWatermark()); err != nil {
		return err
	}
	r.h, r.w = r.Height/factor, r.Width/factor
	if err := r.divide(); err != nil {
		return err
	}
	if err := r.Windows.check(factor, r.Reuse.on()); err != nil {
		return err
	}
	if r.Windows.on() {
		r.around = append(r.around, r.throughWindows)
	}
	if err := r.placed(); err != nil {
		return err
	}
	var err error
	if r.sampler, err = solver(&r.Options, r.schedule); err != nil {
		return wrong("Sampler", err)
	}
	if r.net, err = r.varied(&r.Options); err != nil {
		return err
	}
	if err := r.chooseGuidance(); err != nil {
		return err
	}
	if r.forms, err = r.formsOf(&r.Options, r.conditions, r.scripts); err != nil {
		return err
	}
	if err := r.formsOfRegions(); err != nil {
		return err
	}
	if err := r.prepareImagePrompts(); err != nil {
		return err
	}
	if err := r.prepareUNet(); err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	if err := r.controls.prepare(); err != nil {
		return err
	}
	r.preparePreview()
	if r.Output == OutputImage {
		r.decodeTile, err = r.tile(false)
	}
	return err
}

// WholePicture as Options.Tile makes a call that does not fit into memory an error.
const WholePicture = -1

// tile chooses between the whole and tiles for the VAE to encode or decode the picture,
// and wants the memory for it.
func (r *run) tile(encode bool) (tile int, err error) {
	work := vae.Work{Encode: encode, Height: r.Height, Width: r.Width, Exact: r.TileExact, Seamless: r.seams()}
	if !encode {
		work.Width = r.decodedWidth()
	}
	switch r.Tile {
	case WholePicture:
		err = r.VAE.Check(work)
	case 0:
		work.Tile, err = r.VAE.Fit(work)
	default:
		work.Tile = r.Tile
		err = r.VAE.Check(work)
	}
	if err != nil {
		return 0, r.notExact(work, fmt.Errorf("diffusion: %w", err))
	}
	return work.Tile, nil
}

// notExact marks an error of the VAE's work as that of TileExact, if the work could be done
// without.
func (r *run) notExact(work vae.Work, err error) error {
	work.Exact = false
	if !r.TileExact || errors.Is(err, ErrTooLarge) || r.VAE.Check(work) != nil {
		return err
	}
	return wrong("TileExact", err)
}

// prepareUNet wants the memory for the U-Net as the options change it.
func (r *run) prepareUNet() error {
	if !r.Reuse.on() {
		for _, s := range r.shapes() {
			if err := r.controls.on(s.on(r.net)).Check(s.texts, s.h, s.w, s.tokens); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	r.keeper, err = r.newKeeper()
	return err
}

// prepareImage is prepare for a picture made from an image, and takes the
// part of the schedule that the strength leaves.
func (r *run) prepareImage(width, height int) error {
	if !r.VAE.HasEncoder() {
		return fmt.Errorf("diffusion: %w", ErrNoEncoder)
	}
	if r.task.about().strength > 0 {
		if err := r.shorten(); err != nil {
			return err
		}
	}
	if err := r.prepare(width, height); err != nil {
		return err
	}
	var err error
	r.encodeTile, err = r.tile(true)
	return err
}

// shorten takes the part of the schedule that the strength leaves.
func (r *run) shorten() (err error) {
	if r.Strength == 0 {
		r.Strength = r.task.about().strength
	}
	if r.DenoisingStart > 0 {
		return nil
	}
	if r.schedule, err = r.schedule.Tail(r.Strength); err != nil {
		return wrong("Strength", fmt.Errorf("diffusion: %w", err))
	}
	return nil
}
