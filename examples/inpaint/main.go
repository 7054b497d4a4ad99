// Command inpaint repaints a part of an image.
//
//	inpaint -image boat.png -mask mask.png "a red boat on the sea"
//
// With a border it paints around the image:
//
//	inpaint -image boat.png -border 64,64,0,0 -strength 0.9 "a red boat on the sea"
package main

import "sdgo/examples/internal/commands"

func main() { commands.Inpaint.Main() }
