package device

import "errors"

// Card is a graphics processor as its data sheet has it.
type Card struct {
	Name      string
	Arch, SMs int
	Clock     float64 // GHz, boosted
	Bandwidth float64 // GB/s
	Memory    int64   // bytes
}

// Cards are those that predictions are made for; the last is the one that they were
// fitted to.
//
// https://images.nvidia.com/aem-dam/en-zz/Solutions/geforce/ampere/pdf/NVIDIA-ampere-GA102-GPU-Architecture-Whitepaper-V1.pdf
// https://images.nvidia.com/aem-dam/Solutions/Data-Center/l4/nvidia-ada-gpu-architecture-whitepaper-v2.1.pdf
// https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/a100/pdf/nvidia-a100-datasheet-nvidia-us-2188504-web.pdf
// https://resources.nvidia.com/en-us-tensor-core/nvidia-tensor-core-gpu-datasheet
var Cards = []Card{
	{"rtx3090", 86, 82, 1.695, 936, 24 << 30},
	{"rtx4090", 89, 128, 2.52, 1008, 24 << 30},
	{"a100", 80, 108, 1.41, 2039, 80 << 30},
	{"h100", 90, 132, 1.83, 3352, 80 << 30},
}

func (c Card) target(t Type) Target {
	return Target{Type: t, Arch: c.Arch, SMs: c.SMs, Clock: c.Clock, Bandwidth: c.Bandwidth}
}

// ErrOnPaper is returned for work on a card that is there on paper alone.
var ErrOnPaper = errors.New("device: this card is one on paper: it can be planned for, and computes nothing")

// OnPaper returns a device like a card, which has addresses but no memory, and runs
// nothing: launches can be made for it.
func OnPaper(c Card) Device { return onPaper{c} }

// Paper says whether a device is one on paper, to which weights need not be read.
func Paper(d Device) bool {
	_, ok := d.(onPaper)
	return ok
}

type onPaper struct{ card Card }

func (d onPaper) String() string       { return d.card.Name + " on paper" }
func (d onPaper) Target(t Type) Target { return d.card.target(t) }
func (d onPaper) Memory() int64        { return d.card.Memory }
func (d onPaper) Close() error         { return nil }

// Alloc implements Device. The address is one that no card has.
func (onPaper) Alloc(int64) (Ptr, error) { return 1 << 62, nil }

func (onPaper) Free(Ptr) error           { return nil }
func (onPaper) Upload(Ptr, []byte) error { return nil }

// Download implements Device: there are no numbers.
func (onPaper) Download([]byte, Ptr) error { return ErrOnPaper }

func (onPaper) Prepare([]Span, []Span, []Launch) (Sequence, error) { return nil, ErrOnPaper }
