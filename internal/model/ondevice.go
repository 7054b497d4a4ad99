package model

import (
	"fmt"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
	"sdgo/internal/weights"
)

// bfloat16From is the first architecture with bfloat16.
const bfloat16From = 80

// deviceType returns the type of a model's numbers on a device for a precision that the
// caller asked for. By default it is float16; the VAE's intermediate values go beyond that
// in some checkpoints, so it has bfloat16 where there is any, or else float32.
func deviceType(d device.Device, name, precision string) (device.Type, error) {
	arch := d.Target(device.F32).Arch
	if precision == "" {
		switch {
		case name != "vae":
			return device.F16, nil
		case arch >= bfloat16From:
			return device.BF16, nil
		}
		return device.F32, nil
	}
	format, err := weights.ParsePrecision(precision)
	switch {
	case err != nil:
		return 0, err
	case format == kernel.Float32:
		return device.F32, nil
	case format == kernel.Float16:
		return device.F16, nil
	case format == kernel.BFloat16 && arch >= bfloat16From:
		return device.BF16, nil
	}
	return 0, fmt.Errorf("precision: have %q, want float32, float16 or, from compute capability 8.0 on, bfloat16 for %v", precision, d)
}
