package diffusion_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"log"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

// A checker sees the finished pictures, and says which are flagged and what takes their
// places: here those that are dark.
func ExampleCheckFunc() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()
	result, err := pipe.TextToImage(context.Background(), "a red house on a green hill under a yellow sun", &diffusion.Options{
		Steps: 2, Images: 2,
		Checker: diffusion.CheckFunc(func(_ context.Context, img *image.NRGBA) (diffusion.Verdict, error) {
			if color.GrayModel.Convert(img.At(0, 0)).(color.Gray).Y > 64 {
				return diffusion.Verdict{}, nil
			}
			return diffusion.Verdict{Flagged: true, Replacement: diffusion.BlackImage(img)}, nil
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Flagged)
	// Output: [false false]
}
