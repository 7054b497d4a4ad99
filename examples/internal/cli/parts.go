package cli

import (
	"flag"

	"sdgo/diffusion"
)

// PartFlags adds the flags that say where parts come from.
func PartFlags(f *flag.FlagSet, o *diffusion.LoadOptions) {
	f.StringVar(&o.UNet, "unet", "", "`path` of a U-Net, a folder or file, in place of the model's (default the model's own)")
	f.StringVar(&o.VAE, "vae", "", "`path` of a VAE, a folder or file, in place of the model's (default the model's own)")
	f.StringVar(&o.TextEncoder, "text-encoder", "", "`path` of a text encoder, a folder or file, in place of the model's (default the model's own)")
	f.StringVar(&o.TextEncoder2, "text-encoder-2", "", "`path` of a second text encoder for Stable Diffusion XL (default the model's own)")
	f.BoolVar(&o.EMA, "ema", false, "take the averages over training that a model in one file may have")
}
