// Command outpaint paints around an image.
//
//	outpaint -image boat.png -border 64,64,0,0 "a red boat on the sea"
package main

import "sdgo/examples/internal/commands"

func main() { commands.Outpaint.Main() }
