package diffusion_test

import (
	"context"
	"fmt"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

// Guiders of this package go into each other: here the scale grows over the run, the
// projected guidance bears that, what still reaches too far is clipped, and the last steps
// cost one half.
func ExampleScheduled() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pipe.Close()
	growing := diffusion.Scheduled{
		Guider: diffusion.Projected{Momentum: -0.5, Norm: 15},
		Scale:  diffusion.LinearScale{First: 1, Last: 12},
	}
	result, err := pipe.TextToImage(context.Background(), "a blue boat on the sea at sunset", &diffusion.Options{
		Steps: 8,
		Guider: diffusion.LimitedInterval{
			Guider:   diffusion.Thresholded{Guider: growing, Percentile: 0.99, Mimic: 3},
			Interval: diffusion.Interval{Low: 0.3},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(result.Images), result.Timings.Calls)
	// Output: 1 9
}
