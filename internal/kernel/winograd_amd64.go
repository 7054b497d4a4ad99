//go:build !purego

package kernel

func transformPatch(p *patch) {
	switch isa {
	case isaAVX512:
		patchAVX512(p)
	case isaAVX2:
		patchAVX2(p)
	default:
		patchGeneric(p)
	}
}

func transformProducts(p *unpatch) {
	switch isa {
	case isaAVX512:
		unpatchAVX512(p)
	case isaAVX2:
		unpatchAVX2(p)
	default:
		unpatchGeneric(p)
	}
}

func transformWeights(w *weights, format Format) {
	half := format == Float16
	switch {
	case isa == isaAVX512 && half:
		weightsF16AVX512(w)
	case isa == isaAVX512:
		weightsF32AVX512(w)
	case isa == isaAVX2 && half:
		weightsF16AVX2(w)
	case isa == isaAVX2:
		weightsF32AVX2(w)
	default:
		weightsGeneric(w, format)
	}
}

// transformPatchPairs and transformWeightPairs write pairs of bfloat16.
func transformPatchPairs(p *patch) { patchBF16(p) }

func transformWeightPairs(w *weights, format Format) {
	if format == Float16 {
		weightsF16BF16(w)
	} else {
		weightsF32BF16(w)
	}
}
