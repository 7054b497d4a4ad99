// Package tinyscenes embeds a small trained model, 11 MB in all, that draws
// scenes of 128×128 pixels: houses, trees, cars, towers and boats. It is for
// trying and testing; README.md tells the words that it knows.
//
//	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
package tinyscenes

import "embed"

// FS is the model's folder in diffusers' layout.
//
//go:embed model_index.json scheduler text_encoder tokenizer unet vae
var FS embed.FS

// What the model wants to be run with. Stable Diffusion's guidance of 7.5 is too
// much for it: colors come out wrong.
const (
	Guidance = 2.5
	Steps    = 25
)
