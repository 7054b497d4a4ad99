// Command inspect prints what a model's files are and hold, and what loading does with it
// all:
//
//	inspect FILE
//
// With -all it lists every tensor, and with -json it writes for programs. With -model, or
// without a file, it prints how a model would make a picture: what its parts take of
// memory and time on this machine, and which layers take the most; with -layers the
// algorithm, the weights and the memory of each layer. With -device cuda it does so for
// graphics processors, on paper.
package main

import (
	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/inspect"
)

func main() { cli.Program("inspect", inspect.New("inspect").Run) }
