package diffusion

import "fmt"

// Output is what a call makes.
type Output int

const (
	// OutputImage makes pictures. It is the default.
	OutputImage Output = iota

	// OutputLatent leaves Result.Images empty: Result.Latents are what is wanted, and the
	// VAE's decoder and its memory are not needed.
	OutputLatent
)

// String returns "image" or "latent".
func (o Output) String() string {
	switch o {
	case OutputImage:
		return "image"
	case OutputLatent:
		return "latent"
	}
	return fmt.Sprintf("Output(%d)", int(o))
}

// checkOutput wants one that there is, and no option that changes pictures where there are
// none.
func (o *Options) checkOutput() error {
	switch {
	case o.Output != OutputImage && o.Output != OutputLatent:
		return badOption("Output", "have %v, want %v or %v", o.Output, OutputImage, OutputLatent)
	case o.Output == OutputLatent && o.KeepOutside:
		return badOption("KeepOutside", "have true, want false: the output is latents, and no picture")
	case o.Output == OutputLatent && o.MaskPadding != 0:
		return badOption("MaskPadding", "have %d, want 0: the output is latents, and no picture", o.MaskPadding)
	}
	return nil
}
