package diffusion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sdgo/internal/export"
	"sdgo/internal/loader"
	"sdgo/scheduler"
)

// taught is what a model's files say of how it was taught to read images.
type taught struct {
	scaledImage bool // is_cosxl_edit: the latents of an image are scaled

	lowRes    *scheduler.Config // the noise of an upscaler's images; nil: that of the published model
	mostNoise int               // max_noise_level; 0: that of the published model
}

// lowResFolder has the config of lowRes.
const lowResFolder = "low_res_scheduler"

// indexMore is what a model_index.json has for models of some tasks.
type indexMore struct {
	scaledImage bool
	mostNoise   int
}

func readIndexMore(keys map[string]json.RawMessage) (more indexMore, err error) {
	if raw := keys["is_cosxl_edit"]; raw != nil {
		var yes *bool
		if json.Unmarshal(raw, &yes) != nil {
			return more, fmt.Errorf("is_cosxl_edit: have %.80s, want true or false", raw)
		}
		more.scaledImage = yes != nil && *yes
	}
	if raw := keys["max_noise_level"]; raw != nil {
		if json.Unmarshal(raw, &more.mostNoise) != nil || more.mostNoise < 1 {
			return more, fmt.Errorf("max_noise_level: have %.80s, want a whole number of 1 or more", raw)
		}
	}
	return more, nil
}

// taught reads what the folder says.
func (x *index) taught(ctx context.Context, fsys fs.FS) (taught, error) {
	t := taught{scaledImage: x.more.scaledImage, mostNoise: x.more.mostNoise}
	const file = lowResFolder + "/scheduler_config.json"
	var config json.RawMessage
	if err := loader.ReadJSON(ctx, fsys, file, &config); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return t, err
	}
	var err error
	if t.lowRes, err = scheduler.ParseClass(x.parts[lowResFolder], config); err != nil {
		return t, fmt.Errorf("%s: %w", file, err)
	}
	if _, err := t.lowRes.Betas(); err != nil {
		return t, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

// checkOneFile wants a model that is written as one file to be read from it as it is: there
// are no places for what was taught otherwise than the published models.
func (p *Pipeline) checkOneFile(path string) error {
	if layout, err := export.LayoutOf(path); err != nil || layout == export.Folder || !p.reads(smallPicture) {
		return nil // the name is checked later
	}
	plain := Pipeline{UNet: p.UNet, VAE: p.VAE}
	if p.mostNoise() != plain.mostNoise() || !slices.Equal(p.lowRes().AlphaBar(), plain.lowRes().AlphaBar()) {
		return errors.New("have an upscaler with another low_res_scheduler or max_noise_level than the published one, want a folder: one file has no place for them")
	}
	return nil
}
