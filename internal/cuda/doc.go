// Package cuda runs plans on NVIDIA's graphics processors, through gorgonia.org/cu, in
// programs that are built with the tag gpu. In others it opens no device.
//
// A device has a context of its own, not the process's primary one, so that it can be
// given back without a thought for others; one goroutine, locked to a thread, has it and
// makes every call. Launches of a plan are captured once, and replayed.
//
// After some errors, an access outside of memory above all, a driver refuses all calls
// of the process but those that destroy: every device is lost, and none can be opened
// any more. The processor goes on.
package cuda

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sdgo/internal/device"
)

var (
	// ErrNotBuilt is returned for devices of CUDA by a program without them.
	ErrNotBuilt = errors.New("cuda: this program was built without it: build with -tags gpu, on Linux with cgo (CGO_CFLAGS=-I… where cuda.h is)")

	// ErrNoDriver is in the error for a device where there is no driver, or no card.
	ErrNoDriver = errors.New("cuda: no driver")

	// ErrLost is in the errors of a device, and of Open, after an error that ended the
	// process's use of CUDA.
	ErrLost = errors.New("cuda: the device is lost, and this process can use CUDA no more: start it anew, or go on with the processor")
)

// Parse reads the name of a device: "cpu", "cuda" for the first graphics processor, or
// "cuda:1". The index is -1 for the processor.
func Parse(name string) (index int, err error) {
	kind, number, numbered := strings.Cut(name, ":")
	switch {
	case name == "" || name == "cpu":
		return -1, nil
	case kind == "cuda" && !numbered:
		return 0, nil
	case kind == "cuda":
		if i, err := strconv.Atoi(number); err == nil && i >= 0 {
			return i, nil
		}
	}
	return 0, fmt.Errorf("device: have %q, want cpu, cuda or cuda:N", name)
}

// OpenNamed opens the device with a name; that of the processor is nil.
func OpenNamed(name string) (device.Device, error) {
	index, err := Parse(name)
	if err != nil || index < 0 {
		return nil, err
	}
	return Open(index)
}
