package unet

import (
	"slices"

	"sdgo/internal/config"
)

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

// Depths holds the number of blocks of each transformer: for each level of the U-Net, or
// one for all, a number for each layer, or one for all. A config.json has there a number,
// a list of numbers, or a list with lists in it.
type Depths []Ints

// UnmarshalJSON accepts a number, a list of numbers and lists, or null.
func (l *Depths) UnmarshalJSON(data []byte) error { return config.List(data, (*[]Ints)(l)) }

// At returns the numbers of level i, or the only ones, or nil if there are none.
func (l Depths) At(i int) Ints { return at(l, i) }

// uneven says whether the layers of some level differ.
func (l Depths) uneven() bool {
	return slices.ContainsFunc(l, func(layers Ints) bool { return len(layers) > 1 })
}

// down is how many blocks the transformer of a layer on the way down has.
func (c *Config) down(level, layer int) int { return c.TransformerLayersPerBlock.At(level).At(layer) }

// up is that of a layer of the up block i, which belongs to a level.
func (c *Config) up(i, level, layer int) int {
	if c.ReverseTransformerLayers != nil {
		return c.ReverseTransformerLayers.At(i).At(layer)
	}
	return c.down(level, layer)
}

// mid is that of the middle.
func (c *Config) mid() int { return c.down(len(c.BlockOutChannels)-1, 0) }

func at[T any](l []T, i int) (v T) {
	if len(l) == 1 {
		i = 0
	}
	if i < 0 || i >= len(l) { // of a config that was not loaded
		return v
	}
	return l[i]
}
