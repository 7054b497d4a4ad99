package golden

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// TAESDName is what the author of TAESD calls the tensor of layer number layer of a half,
// "encoder" or "decoder", as diffusers has it.
func TAESDName(half string, layer int, rest string) string {
	if half == "decoder" {
		layer++
	}
	return fmt.Sprintf("%d.%s", layer, rest)
}

// TAESD returns the tensors of tiny-taesd whose names rename does not leave empty.
func TAESD(t testing.TB, rename func(half string, layer int, rest string) string) []safetensors.Tensor {
	t.Helper()
	file, err := safetensors.OpenFS(Model(t, "tiny-taesd"), "diffusion_pytorch_model.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	var tensors []safetensors.Tensor
	for _, name := range file.Names() {
		words := strings.SplitN(name, ".", 4)
		layer, err := strconv.Atoi(words[2])
		require.NoError(t, err)
		if to := rename(words[0], layer, words[3]); to != "" {
			x, _ := file.Tensor(name)
			x.Name = to
			tensors = append(tensors, x)
		}
	}
	return tensors
}

// WriteTAESD writes half of tiny-taesd as its author does.
func WriteTAESD(t testing.TB, path, half string) {
	t.Helper()
	tensors := TAESD(t, func(h string, layer int, rest string) string {
		if h != half {
			return ""
		}
		return TAESDName(h, layer, rest)
	})
	require.NoError(t, safetensors.WriteFile(path, tensors, nil))
}
