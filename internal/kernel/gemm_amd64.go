//go:build !purego

package kernel

func multiply(t *tile) {
	tileGeneric(t)
}
