//go:build gpu && cgo && linux

package cuda_test

import (
	"fmt"
	"os"
	"testing"

	"sdgo/internal/cuda/sim"
)

var simulated bool

// fault tells what the software driver found wrong.
func fault() string {
	if !simulated {
		return ""
	}
	return sim.Fault()
}

// The tests run on the software driver, unless SDGO_CUDA_DRIVER names another:
// libcuda.so.1 for a real card.
func TestMain(m *testing.M) {
	if os.Getenv("SDGO_CUDA_DRIVER") == "" {
		path, err := sim.Build()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		simulated = true
		os.Setenv("SDGO_CUDA_DRIVER", path)
	}
	os.Exit(m.Run())
}
