package op

import (
	"fmt"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// Device is a graphics processor: every operation is a [Launcher], or done on the host.
type Device struct{ device.Target }

// A Launcher has work on a device. Weights of two dimensions and more lie there in the
// target's type, filters as [out KH KW in]; those of one dimension are float32s.
type Launcher interface {
	Operation

	// Launches returns the work that computes out from in.
	Launches(t device.Target, out device.Ptr, in []device.Ptr, work device.Ptr) []device.Launch
}

// A DeviceWorker needs scratch on a device.
type DeviceWorker interface {
	Launcher
	DeviceWork(t device.Target) int // bytes
}

// A Chooser is done on some devices only, or in some shapes.
type Chooser interface {
	Launcher
	OnDevice(t device.Target) bool
}

// A Floater reads some inputs as float32s, whatever the target's type: ids, biases, and the
// parameters of norms. Each is one of the plan's, or a weight of one dimension.
type Floater interface {
	Launcher
	Floats(i int) bool
}

// A Hoster's work is done on the processor, with inputs of the plan, before a run.
type Hoster interface {
	Phaser
	OnHost()
}

// Element implements Target.
func (d Device) Element() int { return d.Type.Size() }

// Align implements Target: of the widest access, and of a memory transaction.
func (Device) Align() int { return 256 }

// Lower implements Target.
func (d Device) Lower(o Operation) (Operation, error) {
	if l, ok := o.(Lowerer); ok {
		o = l.Lower(d)
	}
	if _, ok := o.(Hoster); ok {
		return o, nil
	}
	l, ok := o.(Launcher)
	if c, chooses := o.(Chooser); ok && chooses {
		ok = c.OnDevice(d.Target)
	}
	if !ok {
		return nil, fmt.Errorf("op: %v (%T) has no form for %v", o, o, d)
	}
	return l, nil
}

// Work implements Target.
func (d Device) Work(o Operation) int {
	if w, ok := o.(DeviceWorker); ok {
		return w.DeviceWork(d.Target)
	}
	return 0
}

// InPlace implements Target: where the processor's kernels can, which compute each number
// from those in its place, a device's can, too.
func (Device) InPlace(o Operation, i int) bool { return CPU{}.InPlace(o, i) }

// Shrinks implements Target.
func (Device) Shrinks(Operation, int) bool { return false }

// Winograd implements Target.
func (Device) Winograd(kernel.ConvShape) bool { return false }

// Stripes implements Target.
func (Device) Stripes(int) bool { return false }

// Rounds implements Target: all values have the device's type.
func (Device) Rounds() bool { return false }

// Gates implements Target.
func (Device) Gates() bool { return false }
