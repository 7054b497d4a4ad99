package unet

import (
	"context"
	"fmt"

	"sdgo/internal/engine"
	"sdgo/internal/model"
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

// Claim is for pipelines, which claim the memory of a whole call: predictions with a ctx
// that carries the claim take turns of it.
func (u *UNet) Claim(ctx context.Context, need engine.Need) (*engine.Claim, error) {
	if err := u.loaded(); err != nil {
		return nil, err
	}
	return u.model.Claim(ctx, need)
}

// Spare returns how many bytes in small pieces a call could take beside its need if it
// ran alone.
func (u *UNet) Spare(need engine.Need) int64 {
	if u.loaded() != nil {
		return 0
	}
	return u.model.Spare(need)
}

// Plan tells how a prediction for n samples of h×w latents and the given number of
// tokens is computed.
func (u *UNet) Plan(n, h, w, tokens int) (*model.Plan, error) {
	s, err := u.shape(n, h, w, tokens)
	if err != nil {
		return nil, err
	}
	return u.model.Plan(u.key(s), u.build(s))
}
