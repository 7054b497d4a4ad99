package plan_test

import (
	"fmt"
	"log"

	"sdgo/examples/tinyscenes"
	"sdgo/unet"
)

// The layer that has the most arithmetic.
func Example() {
	u, err := unet.LoadFS(tinyscenes.FS, "unet", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer u.Close()
	part, err := u.Plan(1, 16, 16, 77)
	if err != nil {
		log.Fatal(err)
	}
	most := part.Steps[0]
	for _, o := range part.Steps {
		if o.FLOPs > most.FLOPs {
			most = o
		}
	}
	fmt.Printf("%s: %.3f GFLOP\n", most.Layer, most.FLOPs/1e9)
	// Output: up_blocks.1.upsamplers.0.conv: 0.042 GFLOP
}
