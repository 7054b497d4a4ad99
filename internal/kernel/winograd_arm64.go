//go:build !purego

package kernel

func transformPatch(p *patch) {
	if isa == isaGeneric {
		patchGeneric(p)
	} else {
		patchNEON(p)
	}
}

func transformProducts(p *unpatch) {
	if isa == isaGeneric {
		unpatchGeneric(p)
	} else {
		unpatchNEON(p)
	}
}

func transformWeights(w *weights, format Format) {
	switch {
	case isa == isaGeneric:
		weightsGeneric(w, format)
	case format == Float16:
		weightsF16NEON(w)
	default:
		weightsF32NEON(w)
	}
}
