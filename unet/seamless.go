package unet

import "sdgo/internal/op"

// Seamless says in which directions the image goes on with its other side, so that copies
// side by side have no seam: to the left and right (X), above and below (Y), or both. It is
// padding_mode "circular" of all of PyTorch's Conv2d layers, for each direction by itself:
// padding of zeros that is no convolution's, as of a U-Net with downsample_padding 0,
// stays. The zero value is as the model was trained.
type Seamless struct {
	X bool `json:"x,omitzero"`
	Y bool `json:"y,omitzero"`
}

// WithSeamless returns a U-Net whose convolutions go around the image and that shares the
// weights with u. Closing one closes both.
func (u *UNet) WithSeamless(s Seamless) (*UNet, error) {
	if err := u.loaded(); err != nil {
		return nil, err
	}
	seamless := *u
	seamless.seamless = s
	return &seamless, nil
}

// wrap is s for a graph.
func (s Seamless) wrap() op.Wrap { return op.Wrap(s) }
