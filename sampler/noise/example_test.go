package noise_test

import (
	"fmt"

	"sdgo/sampler/noise"
)

// The noise of a batch, of which each image has its own seed, and so the noise that it
// would have alone.
func Example() {
	draw := noise.PerImage(noise.NewTorch(1).Normal, noise.NewTorch(7).Normal)
	batch := make([]float32, 2*16)
	draw(batch)

	alone := make([]float32, 16)
	noise.NewTorch(7).Normal(alone)
	fmt.Println(batch[16] == alone[0], batch[31] == alone[15])
	fmt.Printf("%.4f\n", batch[:3]) // torch.randn(16, generator=torch.Generator().manual_seed(1))[:3]
	// Output:
	// true true
	// [-1.5256 -0.7502 -0.6540]
}
