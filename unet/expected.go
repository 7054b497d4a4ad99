package unet

// expected is what a U-Net is given beside what it needs.
type expected struct {
	residuals bool
	features  featureCount
}

// Expecting returns a U-Net whose Check, Values, Plan and Split count what controls add:
// the residuals of ControlNets, and the features that a T2I-Adapter makes, of which there
// are so many; one more than levels is for the middle block. It shares the weights with u,
// and closing one closes both.
func (u *UNet) Expecting(residuals bool, features int) *UNet {
	if u.loaded() != nil {
		return u
	}
	levels := len(u.Config.BlockOutChannels)
	e := *u
	e.expects = expected{residuals, featureCount{levels: min(max(features, 0), levels), mid: features > levels}}
	return &e
}
