package loader

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"math"
	"math/rand/v2"
	"sync"

	"gorgonia.org/tensor"
)

// Random is a folder whose models have seeded random weights: it holds their
// configs alone. It is for measuring speed and memory.
type Random struct{ fs.FS }

// RandomWeights is a checkpoint that has whatever is asked for.
type RandomWeights struct {
	config []byte
	mu     sync.Mutex
	shapes map[string][]int
}

func newRandomWeights(config []byte) *RandomWeights {
	return &RandomWeights{config: config, shapes: make(map[string][]int)}
}

// Make declares a tensor.
func (r *RandomWeights) Make(name string, shape []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shapes[name] = shape
}

// Tensor implements [checkpoint.Source].
func (r *RandomWeights) Tensor(name string) (shape []int, dtype string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	shape, ok = r.shapes[name]
	return shape, "F32", ok
}

// Config implements [checkpoint.Source].
func (r *RandomWeights) Config() []byte { return r.config }

// Names implements [checkpoint.Source]: there are none but those that are asked for.
func (r *RandomWeights) Names() []string { return nil }

// Release implements [checkpoint.Source].
func (r *RandomWeights) Release(string) {}

// Changed implements [checkpoint.Source].
func (r *RandomWeights) Changed() error { return nil }

// Warnings implements [checkpoint.Source].
func (r *RandomWeights) Warnings() []string { return nil }

// Close implements [checkpoint.Source].
func (r *RandomWeights) Close() error { return nil }

// Float32s draws uniform numbers that keep the variance of what passes through;
// norms get ones.
func (r *RandomWeights) Float32s(name string, from int, dst []float32) error {
	shape, _, ok := r.Tensor(name)
	if !ok {
		return fmt.Errorf("loader: no tensor %s", name)
	}
	if len(shape) == 1 {
		for i := range dst {
			dst[i] = 1
		}
		return nil
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	random := rand.New(rand.NewPCG(h.Sum64(), 1+uint64(from)))
	scale := float32(math.Sqrt(3 * float64(shape[0]) / float64(tensor.Shape(shape).TotalSize())))
	for i := range dst {
		dst[i] = scale * (2*random.Float32() - 1)
	}
	return nil
}
