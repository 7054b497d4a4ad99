//go:build !(gpu && cgo && linux)

package cuda

import "sdgo/internal/device"

// Open returns ErrNotBuilt.
func Open(int) (device.Device, error) { return nil, ErrNotBuilt }
