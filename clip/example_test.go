package clip_test

import (
	"context"
	"fmt"
	"log"

	"sdgo/clip"
	"sdgo/examples/tinyscenes"
)

// Two prompts become the embeddings that the U-Net reads.
func Example() {
	tokenizer, err := clip.LoadTokenizer(tinyscenes.FS, "tokenizer")
	if err != nil {
		log.Fatal(err)
	}
	encoder, err := clip.LoadTextEncoderFS(tinyscenes.FS, "text_encoder", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer encoder.Close()

	var ids [][]int
	for _, prompt := range []string{"a red house", ""} {
		ids = append(ids, tokenizer.Encode(prompt).IDs)
	}
	embeddings, err := encoder.Encode(context.Background(), ids, 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(ids[0]), ids[0][:5], embeddings.Tokens.Shape())
	// Output:
	// 77 [686 320 596 571 687] (2, 77, 128)
}
