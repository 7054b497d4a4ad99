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
	mu     sync.Mutex
	shapes map[string][]int
}

// NewRandom returns a checkpoint with random weights.
func NewRandom() *RandomWeights { return &RandomWeights{shapes: make(map[string][]int)} }

// Make declares a tensor.
func (r *RandomWeights) Make(name string, shape []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shapes[name] = shape
}

func (r *RandomWeights) Shape(name string) ([]int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.shapes[name]
	return s, ok
}

func (r *RandomWeights) Release(string) {}
func (r *RandomWeights) Changed() error { return nil }
func (r *RandomWeights) Close() error   { return nil }

// Float32s draws uniform numbers that keep the variance of what passes through;
// norms get ones.
func (r *RandomWeights) Float32s(name string, from int, dst []float32) error {
	shape, ok := r.Shape(name)
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
