package op

import (
	"fmt"

	"sdgo/internal/kernel"
)

// Target is what a plan is made for. Plans and operations ask it what belongs to no
// operation's meaning: the size of numbers, the choice of algorithms, and where a
// result may lie.
type Target interface {
	fmt.Stringer

	// Element is the bytes of a number of an intermediate value, and Align the
	// alignment in bytes of all values.
	Element() int
	Align() int

	// Lower returns an operation with the target's choices made, or an error that
	// names it if the target has no form of it. It comes before operations are
	// joined.
	Lower(o Operation) (Operation, error)

	// Work is the bytes of scratch that a lowered operation needs beside its inputs
	// and its output.
	Work(o Operation) int

	// InPlace says whether the output may lie over input i of the same size, and
	// Shrinks whether over the beginning of a larger one.
	InPlace(o Operation, i int) bool
	Shrinks(o Operation, i int) bool

	// Winograd says whether a convolution is Winograd's, and Stripes whether
	// normalisation and convolution go together through an image of so many numbers.
	Winograd(s kernel.ConvShape) bool
	Stripes(floats int) bool

	// Rounds says whether values that only products of bfloat16 read are kept as such.
	Rounds() bool

	// Gates says whether a matrix product does the gated activation that follows.
	Gates() bool
}

// CPU is the processor: numbers are float32s, and every operation is a [Phaser].
type CPU struct{}

// String implements Target.
func (CPU) String() string { return "the processor" }

// Element implements Target.
func (CPU) Element() int { return 4 }

// Align implements Target: a cache line.
func (CPU) Align() int { return 64 }

// Lower implements Target.
func (t CPU) Lower(o Operation) (Operation, error) {
	if l, ok := o.(Lowerer); ok {
		o = l.Lower(t)
	}
	if _, ok := o.(Phaser); !ok {
		return nil, fmt.Errorf("op: %v (%T) has no kernel for %v", o, o, t)
	}
	return o, nil
}

// OnCPU returns an operation as the processor does it.
func OnCPU(o Operation) (Phaser, error) {
	o, err := CPU{}.Lower(o)
	if err != nil {
		return nil, err
	}
	return o.(Phaser), nil
}

// Work implements Target.
func (t CPU) Work(o Operation) int { return t.Element() * o.(Phaser).Work() }

// An InPlacer can write its output over input i.
type InPlacer interface {
	Phaser
	InPlace(i int) bool
}

// InPlace implements Target.
func (CPU) InPlace(o Operation, i int) bool {
	k, ok := o.(InPlacer)
	return ok && k.InPlace(i)
}

// A Shrinker can write its output over the beginning of input i though that
// is larger.
type Shrinker interface {
	InPlacer
	Shrinks(i int) bool
}

// Shrinks implements Target.
func (CPU) Shrinks(o Operation, i int) bool {
	k, ok := o.(Shrinker)
	return ok && k.Shrinks(i)
}

// Winograd's convolution is faster than the direct one from so many channels and
// tiles of an image on. The batch does not count: it must not change the bytes.
const (
	winogradChannels = 128
	winogradTiles    = 4
)

// Winograd implements Target.
func (CPU) Winograd(s kernel.ConvShape) bool {
	return s.Winograd() && min(s.InC, s.OutC) >= winogradChannels && s.WinogradTiles() >= winogradTiles
}

// stripesFrom is the size in float32s of an image from which normalisation and
// convolution go through it together, by stripes.
const stripesFrom = 8 << 20

// Stripes implements Target.
func (CPU) Stripes(floats int) bool { return floats >= stripesFrom }

// Rounds implements Target.
func (CPU) Rounds() bool { return true }

// Gates implements Target.
func (CPU) Gates() bool { return true }
