//go:build !amd64 || purego

package kernel

func multiply(t *tile) { tileGeneric(t) }
