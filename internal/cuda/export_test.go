//go:build gpu && cgo && linux

package cuda

import (
	"time"

	"sdgo/internal/device"
)

// SetSegmentTime changes how long segments of launches that are prepared later may take.
func SetSegmentTime(d device.Device, t time.Duration) { d.(*Device).segmentTime = t }
