package prompt_test

import (
	"fmt"
	"log"

	"sdgo/clip"
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

// Chunks of ids for CLIP.
func ExampleChunker() {
	t, err := clip.OpenAITokenizer("")
	if err != nil {
		log.Fatal(err)
	}
	pieces, err := prompt.Weigh("a (red:1.3) house BREAK a hill", prompt.A1111)
	if err != nil {
		log.Fatal(err)
	}
	c := prompt.Chunker{Tokens: t.Tokens, BOS: t.BOS, EOS: t.EOS, Pad: t.Pad, Length: t.MaxLength}
	chunks, err := c.Chunks(pieces)
	if err != nil {
		log.Fatal(err)
	}
	for _, chunk := range chunks {
		fmt.Println(len(chunk.IDs), chunk.IDs[:5], chunk.Weights[:5])
	}
	// Output:
	// 77 [49406 320 736 1212 49407] [1 1 1.3 1 1]
	// 77 [49406 320 2682 49407 49407] [1 1 1 1 1]
}
