package vae

// scaling turns what the encoder writes into latents of unit variance, and back, as the
// pipelines of diffusers do.
type scaling struct {
	scale, shift float32
	mean, std    []float32 // of each channel, or nil
}

func (c *Config) scaling() scaling {
	s := scaling{scale: float32(c.ScalingFactor), shift: float32(c.shift())}
	for i := range c.LatentsMean {
		s.mean, s.std = append(s.mean, float32(c.LatentsMean[i])), append(s.std, float32(c.LatentsStd[i]))
	}
	return s
}

// unit scales x [N C H W] to unit variance, in place. A channel has so many cells.
func (s *scaling) unit(x []float32, cells int) {
	for i, v := range x {
		x[i] = float32(v-s.shift) * s.scale
	}
	if s.mean == nil {
		return
	}
	for i, v := range x { // means and standard deviations are of what is scaled
		c := i / cells % len(s.mean)
		x[i] = (v - float32(s.mean[c]*s.scale)) / s.std[c]
	}
}

// from writes to z what x [C H W] is before scaling.
func (s *scaling) from(z, x []float32) {
	if s.mean == nil {
		for i, v := range x {
			z[i] = v/s.scale + s.shift
		}
		return
	}
	cells := len(x) / len(s.mean)
	for i, v := range x {
		c := i / cells
		z[i] = float32(v*s.std[c])/s.scale + s.mean[c] + s.shift
	}
}
