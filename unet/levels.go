package unet

import "sdgo/internal/config"

// Ints holds a number for each level of the U-Net, from the top, or one for all.
type Ints []int

// UnmarshalJSON accepts a number, a list or null.
func (l *Ints) UnmarshalJSON(data []byte) error { return config.List(data, (*[]int)(l)) }

// At returns the number of level i, or the only one, or zero if there is none.
func (l Ints) At(i int) int { return at(l, i) }

// Bools holds a choice for each level of the U-Net, from the top, or one for all.
type Bools []bool

// UnmarshalJSON accepts a bool, a list or null.
func (l *Bools) UnmarshalJSON(data []byte) error { return config.List(data, (*[]bool)(l)) }

// At returns the choice of level i, or the only one, or false if there is none.
func (l Bools) At(i int) bool { return at(l, i) }

func at[T any](l []T, i int) (v T) {
	if len(l) == 1 {
		i = 0
	}
	if i < 0 || i >= len(l) { // of a config that was not loaded
		return v
	}
	return l[i]
}
