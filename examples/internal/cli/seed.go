package cli

import (
	"errors"
	"math/rand/v2"
	"strconv"
)

// seedFlag is the value of -seed: a number, or -1 for a random one.
type seedFlag struct {
	seed   *uint64
	random *bool
}

func (f seedFlag) String() string {
	if f.seed == nil { // package flag asks a zero value for the default
		return ""
	}
	return strconv.FormatUint(*f.seed, 10)
}

func (f seedFlag) Set(s string) error {
	if s == "-1" {
		*f.seed, *f.random = uint64(rand.Uint32()), true // other programs take no more bits
		return nil
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return errors.New("want a whole number below 2^64, or -1 for a random one")
	}
	*f.seed, *f.random = n, false
	return nil
}
