package diffusion

import (
	"errors"
	"fmt"
	"slices"

	"sdgo/internal/cuda"
	"sdgo/internal/device"
	"sdgo/internal/quote"
)

// Device is where a pipeline's models compute. The zero value is the processor.
type Device struct {
	cuda  bool
	index int
	card  string // on paper
}

// CUDA is an NVIDIA graphics processor by its index, counted from 0 as the driver does,
// of compute capability 7.5 or later. It takes a program that was built with -tags gpu,
// and a driver of CUDA 12.1 or later.
func CUDA(index int) Device { return Device{cuda: true, index: index} }

// OnPaper is a graphics processor that need not be there: "rtx3090", "rtx4090", "a100" or
// "h100". A pipeline that is loaded for it can be planned, see [Pipeline.Plan], in any
// program; its pictures are an error. "cpu" is the processor so, which reads no weights.
func OnPaper(card string) Device { return Device{card: card} }

// ParseDevice reads a device, but none on paper, as String writes it: "cpu", "cuda" for the
// first graphics processor, or "cuda:1".
func ParseDevice(name string) (Device, error) {
	index, err := cuda.Parse(name)
	if err != nil {
		return Device{}, fmt.Errorf("diffusion: %w", err)
	}
	if index < 0 {
		return Device{}, nil
	}
	return CUDA(index), nil
}

// String is "cpu", or "cuda:" and the index, or the name of a card on paper.
func (d Device) String() string {
	if d.card != "" {
		return d.card + " on paper"
	}
	if d.cuda {
		return fmt.Sprintf("cuda:%d", d.index)
	}
	return "cpu"
}

var (
	// ErrNoCUDA is in the error of Load for a device of CUDA in a program that was
	// built without it. It says how to build one.
	ErrNoCUDA = cuda.ErrNotBuilt

	// ErrNoDriver is in the error of Load for a device of CUDA where there is no
	// driver, or no card. It says what was looked for.
	ErrNoDriver = cuda.ErrNoDriver

	// ErrDeviceLost is in the errors of calls and of Load after a device of CUDA failed in
	// such a way (an uncorrectable error of its memory, a kernel's wrong access) that the
	// driver refuses everything from then on: the process can use no card any more, until
	// it is started anew. Pipelines on the processor go on; close those of the card.
	ErrDeviceLost = cuda.ErrLost
)

// paperCPU says whether the device is the processor on paper.
func (d Device) paperCPU() bool { return d.card == "cpu" }

// open opens the device; nil is the processor.
func (d Device) open() (device.Device, error) {
	if d.paperCPU() {
		return nil, nil
	}
	if d.card != "" {
		i := slices.IndexFunc(device.Cards, func(c device.Card) bool { return c.Name == d.card })
		if i < 0 {
			return nil, fmt.Errorf("diffusion: OnPaper: have a card %q, want cpu, rtx3090, rtx4090, a100 or h100", quote.Cut(d.card))
		}
		return device.OnPaper(device.Cards[i]), nil
	}
	if !d.cuda {
		return nil, nil
	}
	if d.index < 0 {
		return nil, errors.New("diffusion: CUDA: have a negative index, want 0 for the first card")
	}
	dev, err := cuda.Open(d.index)
	if err != nil {
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}
	return dev, nil
}
