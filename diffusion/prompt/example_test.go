package prompt_test

import (
	"fmt"
	"log"

	"sdgo/diffusion/prompt"
)

// What a prompt says over four steps.
func Example() {
	p, err := prompt.Parse("a [red:blue:0.5] (house:1.3) AND [fog|rain] :0.4", prompt.A1111)
	if err != nil {
		log.Fatal(err)
	}
	for step := 1; step <= 4; step++ {
		for _, c := range p.At(step, 4) {
			fmt.Printf("%g×%v ", c.Weight, c.Pieces)
		}
		fmt.Println("at", step)
	}
	// Output:
	// 1×[{a red  1} {house 1.3}] 0.4×[{ fog 1}] at 1
	// 1×[{a red  1} {house 1.3}] 0.4×[{ rain 1}] at 2
	// 1×[{a blue  1} {house 1.3}] 0.4×[{ fog 1}] at 3
	// 1×[{a blue  1} {house 1.3}] 0.4×[{ rain 1}] at 4
}
