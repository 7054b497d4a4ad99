package diffusion

import "fmt"

// prepare settles the size of the pictures and wants the memory for them.
func (r *run) prepare(width, height int) error {
	factor := r.VAE.Config.Factor()
	if err := r.size(width, height, factor); err != nil {
		return wrong(err)
	}
	if err := r.checkModelOptions(); err != nil {
		return wrong(err)
	}
	r.h, r.w = r.Height/factor, r.Width/factor
	var err error
	if r.sampler, err = solver(&r.Options, r.schedule); err != nil {
		return wrong(err)
	}
	if err := r.chooseGuidance(); err != nil {
		return wrong(err)
	}
	if err := r.prepareUNet(); err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	r.decodeTile, err = r.tile(r.h, r.w, r.VAE.CheckDecode, r.VAE.CheckDecodeTiles, r.VAE.FitDecode)
	return err
}

// tile chooses between the whole and tiles, for an input of the VAE of h×w, and
// wants the memory for it.
func (r *run) tile(h, w int, whole func(h, w int) error, tiles func(h, w, tile int) error, fit func(h, w int) (int, error)) (tile int, err error) {
	switch r.Tile {
	case WholePicture:
		err = whole(h, w)
	case 0:
		tile, err = fit(h, w)
	default:
		tile, err = r.Tile, tiles(h, w, r.Tile)
	}
	if err != nil {
		return 0, fmt.Errorf("diffusion: %w", err)
	}
	return tile, nil
}

// prepareUNet wants the memory for the U-Net as the options change it.
func (r *run) prepareUNet() error {
	var err error
	if r.net, err = r.UNet.WithTokenMerging(r.TokenMerging); err != nil {
		return wrong(err)
	}
	if !r.Reuse.on() {
		return r.net.Check(len(r.conditions), r.h, r.w, r.Tokenizer.MaxLength)
	}
	r.keeper, err = r.newKeeper(len(r.conditions))
	return err
}

// prepareImage is prepare for a picture made from an image, and takes the
// part of the schedule that the strength leaves.
func (r *run) prepareImage(img *source) error {
	if !r.VAE.HasEncoder() {
		return fmt.Errorf("diffusion: %w", ErrNoEncoder)
	}
	if r.Strength == 0 {
		r.Strength = r.task.about().strength
	}
	var err error
	if r.schedule, err = r.schedule.Tail(r.Strength); err != nil {
		return fmt.Errorf("diffusion: %w", wrong(err))
	}
	if err := r.prepare(img.width, img.height); err != nil {
		return err
	}
	r.encodeTile, err = r.tile(r.Height, r.Width, r.VAE.CheckEncode, r.VAE.CheckEncodeTiles, r.VAE.FitEncode)
	return err
}
