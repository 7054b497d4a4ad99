//go:build gpu && cgo && linux

// Build compiles the software driver and prints where its library is.
package main

import (
	"fmt"
	"os"

	"sdgo/internal/cuda/sim"
)

func main() {
	path, err := sim.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}
