package cli

import (
	"flag"

	"sdgo/diffusion"
)

// DeviceFlag adds the flag for the device that models compute on.
func DeviceFlag(f *flag.FlagSet, d *diffusion.Device) {
	f.Func("device", "`device` that computes: cpu, cuda or cuda:1 (with a program built with -tags gpu; default cpu)", func(s string) (err error) {
		*d, err = diffusion.ParseDevice(s)
		return err
	})
}
