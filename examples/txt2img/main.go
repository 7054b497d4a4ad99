// Command txt2img makes pictures of a prompt.
//
//	txt2img "a red house on a green hill under a yellow sun"
//	txt2img -hires 2 "the same, twice as large"
package main

import "sdgo/examples/internal/commands"

func main() { commands.TextToImage.Main() }
