// Command upscale makes a picture four times as large as an image, with a model that was
// trained for that.
//
//	upscale -model x4-upscaler -image small.png "a red house on a green hill"
package main

import "sdgo/examples/internal/commands"

func main() { commands.Upscale.Main() }
