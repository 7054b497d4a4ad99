// Command inpaint repaints a part of an image.
//
//	inpaint -image boat.png -mask mask.png "a red boat on the sea"
package main

import "sdgo/examples/internal/commands"

func main() { commands.Inpaint.Main() }
