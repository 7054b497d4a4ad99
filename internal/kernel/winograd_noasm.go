//go:build !amd64 || purego

package kernel

func transformPatch(p *patch) { patchGeneric(p) }

func transformProducts(p *unpatch) { unpatchGeneric(p) }

func transformWeights(w *weights, format Format) { weightsGeneric(w, format) }
