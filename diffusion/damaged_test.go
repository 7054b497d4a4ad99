package diffusion

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
	"sdgo/internal/golden"
)

// How often each file is damaged, and which bytes of it: headers are at the beginning, and
// of a file of PyTorch at the end, too.
const (
	cuts, flips = 12, 30
	headerBytes = 1 << 15
)

// A file of any kind that was cut or damaged is a model, or an error that names it. It is
// never a panic, and Inspect and Load say the same.
func TestDamagedFiles(t *testing.T) {
	files := changedFile(t, golden.SingleFile(t, "tiny-sd15"), "tiny-sd15", func(name string) bool { return name != "model_ema.num_updates" }, nil)
	plain := onDisk(t, files, "tiny-sd15")
	gguf := filepath.Join(t.TempDir(), "tiny-sd15.gguf")
	writeGGUF(t, gguf, ggml.F16, entries(t, plain), chosen, func(name string) string { return name })
	asGGUF, err := os.ReadFile(gguf)
	require.NoError(t, err)
	data := files["tiny-sd15.safetensors"].Data
	o := &LoadOptions{Tokenizer: filepath.Join(golden.ModelDir(t, "tiny-sd15"), "tokenizer")}
	for ext, whole := range map[string][]byte{".safetensors": data, ".ckpt": golden.Pickled(t, data), ".gguf": asGGUF} {
		path := filepath.Join(t.TempDir(), "damaged"+ext)
		try := func(damaged []byte, what string, at int) (refused bool) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, damaged, 0o600))
			r, inspectErr := InspectContext(t.Context(), path, o)
			p, err := Load(path, o)
			if err == nil {
				require.NoError(t, p.Close())
				assert.NoError(t, inspectErr)
				return false
			}
			assert.Contains(t, err.Error(), "diffusion: ", "%s %s at %d", ext, what, at)
			assert.Less(t, len(err.Error()), 8<<10, "%s %s at %d", ext, what, at)
			if inspectErr != nil {
				assert.Contains(t, err.Error(), "damaged"+ext, "%s %s at %d: %v", ext, what, at, err)
			} else if r.Problems == nil { // it lies in the numbers
				assert.NotContains(t, err.Error(), "missing")
			}
			return true
		}
		assert.False(t, try(whole, "whole", 0), ext)
		random := rand.New(rand.NewPCG(1, 2))
		for range cuts {
			at := random.IntN(len(whole))
			assert.True(t, try(whole[:at], "cut", at), "%s cut at %d", ext, at)
		}
		for i := range flips {
			at := random.IntN(min(headerBytes, len(whole)))
			if i%3 == 0 {
				at = len(whole) - 1 - at
			}
			flipped := bytes.Clone(whole)
			flipped[at] ^= 1 << random.IntN(8)
			try(flipped, "flipped", at)
		}
		long := slices.Concat(whole, make([]byte, 1000)) // a zip archive ends where it says
		try(long, "longer", len(whole))
	}
}
