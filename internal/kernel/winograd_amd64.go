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
