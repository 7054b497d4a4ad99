package unet

import (
	"fmt"

	"sdgo/diffusion/plan"
)

// Check reports as an error that predicting for n samples of h×w latents and
// the given number of tokens would not fit in the memory allowed. It allocates
// nothing of that size.
func (u *UNet) Check(n, h, w, tokens int) error {
	s, err := u.shape(n, h, w, tokens)
	if err != nil {
		return err
	}
	return u.model.Check(u.key(s), u.build(s), 0, fmt.Sprintf("a prediction for latents [%d %d %d %d]", n, u.Config.InChannels, h, w))
}

// Values returns the bytes of intermediate values of a prediction for n samples of h×w
// latents and the given number of tokens.
func (u *UNet) Values(n, h, w, tokens int) (int64, error) {
	s, err := u.shape(n, h, w, tokens)
	if err != nil {
		return 0, err
	}
	return u.model.Values(u.key(s), u.build(s))
}

// Plan tells how a prediction for n samples of h×w latents and the given number of
// tokens is computed.
func (u *UNet) Plan(n, h, w, tokens int) (*plan.Part, error) {
	s, err := u.shape(n, h, w, tokens)
	if err != nil {
		return nil, err
	}
	return u.model.Plan(u.key(s), u.build(s))
}
