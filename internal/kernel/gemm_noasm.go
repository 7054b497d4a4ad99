//go:build !amd64 || purego

package kernel

func multiply(t *tile) { tileGeneric(t) }

func (s *sum) vectors() int { return 0 }
