package diffusion

// wrapCells is how many cells beyond both edges the VAE sees of what goes round, as in
// diffusers.
const wrapCells = 8

// beyond is how many cells the VAE sees beyond each side.
func (r *run) beyond() int {
	if !r.Windows.Wrap || r.Seamless.X { // then the VAE goes round itself
		return 0
	}
	return min(wrapCells, r.w)
}

// decodedWidth is the width in pixels of what the VAE decodes.
func (r *run) decodedWidth() int { return r.Width + 2*r.beyond()*(r.Width/r.w) }

// wrapped returns latents [C h w] with what is beyond their sides.
func (r *run) wrapped(x []float32) []float32 {
	n := r.beyond()
	if n == 0 {
		return x
	}
	v := window{left: r.w - n, h: r.h, w: r.w + 2*n}
	out := make([]float32, len(x)/r.w*v.w)
	v.crop(out, x, r.h, r.w)
	return out
}

// unwrapped takes what is beyond the sides from a decoded picture, in place.
func (r *run) unwrapped(x []float32) []float32 {
	n, wide := r.beyond()*(r.Width/r.w), r.decodedWidth()
	if n == 0 {
		return x
	}
	rows := len(x) / wide
	for y := range rows {
		copy(x[y*r.Width:][:r.Width], x[y*wide+n:])
	}
	return x[:rows*r.Width]
}
