package adapter_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"sdgo/internal/adapter"
	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
)

// wants compares the weights with an adapter with those that the reference has.
func wants(t testing.TB, fsys fs.FS, name string, weight float64, want string) {
	t.Helper()
	f, err := adapter.Open(t.Context(), fsys, name)
	require.NoError(t, err)
	defer f.Close()
	merged, _, err := adapter.Merge(t.Context(), map[string]checkpoint.Source{adapter.UNet: model(t, "tiny-sd15")}, adapter.Use{File: f, Weight: weight})
	require.NoError(t, err)
	w, err := safetensors.Open("testdata/" + want + ".want.safetensors")
	require.NoError(t, err)
	defer w.Close()
	for _, key := range w.Names() {
		x, _ := w.Tensor(key)
		numbers, err := x.Float32s()
		require.NoError(t, err)
		have := make([]float32, len(numbers))
		require.NoError(t, merged[adapter.UNet].Float32s(key, 0, have))
		golden.Close(t, numbers, have, tolerance, key)
	}
}

// stored are the tensors of a file, and its metadata.
func stored(t testing.TB, name string) (list []safetensors.Tensor, metadata map[string]string) {
	f, err := safetensors.Open("testdata/" + name + ".safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	for _, key := range f.Names() {
		x, _ := f.Tensor(key)
		list = append(list, x)
	}
	return list, f.Metadata()
}

// An adapter in a file of PyTorch.
func TestPickled(t *testing.T) {
	list, _ := stored(t, "loha")
	wants(t, fstest.MapFS{"a.pt": {Data: golden.Pickle(t, list...)}}, "a.pt", 1, "loha")
}

// The folder that PEFT writes, with its settings beside the tensors.
func TestFolder(t *testing.T) {
	list, metadata := stored(t, "peft-rslora")
	var settings map[string]any
	require.NoError(t, json.Unmarshal([]byte(metadata["lora_adapter_metadata"]), &settings))
	own := make(map[string]any)
	for key, value := range settings {
		own[strings.TrimPrefix(key, "unet.")] = value
	}
	config, err := json.Marshal(own)
	require.NoError(t, err)
	for i, x := range list {
		list[i], err = safetensors.New("base_model.model."+strings.TrimPrefix(x.Name, "unet."), x.DType, x.Shape, x.Bytes())
		require.NoError(t, err)
	}
	var file bytes.Buffer
	require.NoError(t, safetensors.Write(&file, list, nil))
	fsys := fstest.MapFS{"style/adapter_model.safetensors": {Data: file.Bytes()}, "style/adapter_config.json": {Data: config}}
	wants(t, fsys, "style", 0.6, "peft-rslora")

	_, err = adapter.Open(t.Context(), fstest.MapFS{"style/other": {}}, "style")
	require.ErrorContains(t, err, "adapter: style: have a folder without pytorch_lora_weights.safetensors")
	fsys["style/adapter_config.json"] = &fstest.MapFile{Data: []byte("{")}
	_, err = adapter.Open(t.Context(), fsys, "style")
	require.ErrorContains(t, err, "adapter_config.json")
}

// No file makes the reader panic, or read more than it has.
func FuzzOpen(f *testing.F) {
	f.Add(tensors{q + ".lora_down.weight": {1, 16}, q + ".lora_up.weight": {16, 1}}.file(f, 1, map[string]string{"lora_adapter_metadata": `{"unet.lora_alpha": 2}`})["a.safetensors"].Data)
	f.Add(tensors{q + ".oft_blocks": {4, 4, 4}, q + ".alpha": {}}.file(f, 1, nil)["a.safetensors"].Data)
	f.Add(tensors{q + ".lokr_w1": {4, 4}, q + ".lokr_w2_a": {4, 1}, q + ".lokr_w2_b": {1, 4}}.file(f, 1, nil)["a.safetensors"].Data)
	src := model(f, "tiny-sd15")
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := adapter.Open(t.Context(), fstest.MapFS{"a.safetensors": {Data: data}}, "a.safetensors")
		if err != nil {
			return
		}
		defer file.Close()
		merged, _, err := adapter.Merge(t.Context(), map[string]checkpoint.Source{adapter.UNet: src}, adapter.Use{File: file, Weight: 1})
		if err == nil {
			require.NoError(t, merged[adapter.UNet].Float32s("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight", 0, make([]float32, 16)))
		}
	})
}
