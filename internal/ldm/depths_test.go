package ldm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/ldm"
)

// Layers of one level may differ in their blocks in both halves.
func TestUnevenDepths(t *testing.T) {
	f := golden.NewFullSize()
	f.UNet(golden.UNetSize{
		In: 4, Channels: 320, Context: 768, Mult: []int{1, 2},
		Down: [][]int{{1, 2}, {3, 3}}, Up: [][]int{{1, 2, 1}, {3, 3, 3}}, Middle: 3,
	})
	path := f.Write(t, "uneven")
	file := open(t, os.DirFS(filepath.Dir(path)), "uneven")
	p, family, _, err := ldm.OpenPart(file, ldm.UNet, "")
	require.NoError(t, err)
	assert.Equal(t, ldm.SD1, family)
	var config struct {
		Down any `json:"transformer_layers_per_block"`
		Up   any `json:"reverse_transformer_layers_per_block"`
	}
	require.NoError(t, json.Unmarshal(p.Config(), &config))
	assert.Equal(t, []any{[]any{1.0, 2.0}, 3.0}, config.Down)
	assert.Equal(t, []any{3.0, []any{1.0, 2.0, 1.0}}, config.Up)
}
