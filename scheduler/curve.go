package scheduler

// curveKey is one of the keys use_*_sigmas, with its field in a config.
type curveKey struct {
	key string
	on  *bool
}

func (c *Config) curveKeys() []curveKey {
	return []curveKey{
		{"use_karras_sigmas", &c.UseKarrasSigmas},
		{"use_exponential_sigmas", &c.UseExponentialSigmas},
		{"use_beta_sigmas", &c.UseBetaSigmas},
		{"use_lu_lambdas", &c.UseLuLambdas},
	}
}

// curveFlags lists the keys of the curves that are on.
func (c *Config) curveFlags() []string {
	var on []string
	for _, curve := range c.curveKeys() {
		if *curve.on {
			on = append(on, curve.key)
		}
	}
	return on
}

// onlyCurve turns on the curve of a key, or none without one, and the others off.
func (c *Config) onlyCurve(key string) {
	for _, curve := range c.curveKeys() {
		*curve.on = curve.key == key
	}
}

// curve returns the sigmas of the use_*_sigmas key that is on, or nil.
func (c *Config) curve(low, high float64, steps int) []float64 {
	switch {
	case c.UseKarrasSigmas:
		return karras(low, high, karrasRho, steps)
	case c.UseExponentialSigmas:
		return exponential(low, high, steps)
	case c.UseBetaSigmas:
		return betaSigmas(low, high, steps)
	}
	return nil
}

// roundSigmas appends the final level and rounds to float32, as the lists of
// diffusers are.
func roundSigmas(sigmas []float64, final float64) []float64 {
	rounded := make([]float64, 0, len(sigmas)+1)
	for _, sigma := range sigmas {
		rounded = append(rounded, f32(sigma))
	}
	return append(rounded, f32(final))
}
