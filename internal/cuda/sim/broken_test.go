//go:build gpu && cgo && linux

package sim_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"gorgonia.org/cu"

	"sdgo/internal/cuda/sim"
)

// PTX that is cut off, or in which bytes are missing or others, is refused or loaded, and
// never the end of the process.
func TestBrokenPTX(t *testing.T) {
	onSim(t)
	newMachine(t)
	random := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for _, whole := range []string{spaces, frame(copyTo + commit + storeOwn + barrier), unzipped(t, "triton_softmax_bf16.ptx")} {
		for range 150 {
			at := random.IntN(len(whole))
			for _, text := range []string{whole[:at], whole[:at] + whole[at+1:], whole[:at] + string("{};,.[]%x0"[random.IntN(10)]) + whole[at+1:]} {
				mod, err := cu.LoadData(text)
				if err != nil {
					refused++
					continue
				}
				assert.NoError(t, mod.Unload())
			}
		}
	}
	assert.Greater(t, refused, 600)
	assert.Zero(t, sim.Get("liveBytes"), "variables of modules that were refused")
}

// A declaration takes no more memory than a device has.
func TestHugeDeclarations(t *testing.T) {
	onSim(t)
	newMachine(t)
	for _, what := range []string{".reg .b32 %x<4000000000>;", ".shared .align 4 .b8 x[99999999999999];", ".local .align 4 .b8 x[99999999999999];"} {
		_, err := cu.LoadData(strings.Replace(frame(""), ".reg .pred", what+" .reg .pred", 1))
		assert.Error(t, err, what)
		assert.Contains(t, sim.Fault(), "PTX line 6: too")
	}
}
