// Command txt2img makes pictures of a prompt.
//
//	txt2img "a red house on a green hill under a yellow sun"
package main

import "sdgo/examples/internal/commands"

func main() { commands.TextToImage.Main() }
