package diffusion

import (
	"fmt"

	"sdgo/internal/weights"
)

// checkWeights checks how weights are to be kept.
func (o *LoadOptions) checkWeights() error {
	if _, err := weights.ParseStorage(o.Weights); err != nil {
		return wrong("Weights", fmt.Errorf("diffusion: load: %w", err))
	}
	if o.Weights != "" && o.Device != (Device{}) && !o.Device.paperCPU() {
		return badOption("Weights", "have %q, want none with a device: weights have the type of Precision there", o.Weights)
	}
	return nil
}
