// Command img2img makes pictures of a prompt that keep the layout of an image.
//
//	img2img -image red.png -strength 0.8 "a blue house on a green hill"
//
// A model for depth-to-image, such as Stable Diffusion 2's, wants a depth map too:
//
//	img2img -model sd2-depth -image red.png -depth depth.png "a blue house on a green hill"
//
// With a model for editing, such as InstructPix2Pix, the prompt is an instruction:
//
//	img2img -model instruct-pix2pix -image red.png -edit "make the house blue"
package main

import "sdgo/examples/internal/commands"

func main() { commands.ImageToImage.Main() }
