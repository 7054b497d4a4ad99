package safetensors_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// shards returns a folder with two files of two tensors each, and an index.
func shards(t *testing.T, index string) fstest.MapFS {
	t.Helper()
	encode := func(names ...string) []byte {
		var b bytes.Buffer
		var list []safetensors.Tensor
		for i, name := range names {
			list = append(list, float32Tensor(t, name, nil, float32(i)))
		}
		require.NoError(t, safetensors.Write(&b, list, map[string]string{"first": names[0]}))
		return b.Bytes()
	}
	return fstest.MapFS{
		"unet/m-1.safetensors": {Data: encode("a", "b")},
		"unet/m-2.safetensors": {Data: encode("c", "extra")},
		"unet/m.index.json":    {Data: []byte(index)},
		"outside.safetensors":  {Data: encode("a")},
	}
}

const goodIndex = `{"metadata":{"total_size":16,"loss":NaN,"best":[-Infinity,Infinity]},"weight_map":{"c":"m-2.safetensors","a":"m-1.safetensors","b":"m-1.safetensors"}}`

func TestIndex(t *testing.T) {
	fsys := shards(t, goodIndex)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, fsys))
	open := map[string]func() (*safetensors.File, error){
		"FS": func() (*safetensors.File, error) { return safetensors.OpenIndexFS(fsys, "unet/m.index.json") },
		"path": func() (*safetensors.File, error) {
			return safetensors.OpenIndex(filepath.Join(dir, "unet", "m.index.json"))
		},
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			f, err := open()
			require.NoError(t, err)
			assert.Equal(t, []string{"a", "b", "c"}, f.Names())
			assert.Equal(t, map[string]string{"first": "a"}, f.Metadata())
			b, ok := f.Tensor("b")
			require.True(t, ok)
			v, err := b.Float32s()
			require.NoError(t, err)
			assert.Equal(t, []float32{1}, v)
			_, ok = f.Tensor("extra")
			assert.False(t, ok, "not in weight_map")
			require.NoError(t, f.Close())
			assert.Nil(t, b.Bytes())
		})
	}
}

func TestIndexErrors(t *testing.T) {
	for _, tt := range []struct{ index, want string }{
		{``, "the end of the JSON"},
		{`{}`, "no weight_map"},
		{`[]`, "have an array, want an object"},
		{`{"weight_map":[]}`, "have an array, want an object"},
		{`{"weight_map":{"a":1}}`, "have a number, want a string"},
		{`{"weight_map":{},"weight_map":{}}`, "weight_map comes twice"},
		{`{"weight_map":{}} x`, "nothing more"},
		{"{\"weight_map\":{\"\xff\":\"m-1.safetensors\"}}", "UTF-8"},
		{`{"weight_map":{"a":"m-1.safetensors","\u0061":"m-1.safetensors"}}`, `tensor "a" comes twice`},
		{`{"x":Nan,"weight_map":{}}`, "have 'N', want a value"},
		{`{"weight_map":{"a":NaN}}`, "want a string"},
		{`{"weight_map":{"c":"m-1.safetensors"}}`, `tensor "c" is not in m-1.safetensors`},
		{`{"weight_map":{"a":"m-3.safetensors"}}`, "file does not exist"},
		{`{"weight_map":{"a":"m.index.json"}}`, `m.index.json: offset 0: this is a text that begins with`},
	} {
		_, err := safetensors.OpenIndexFS(shards(t, tt.index), "unet/m.index.json")
		assert.ErrorContains(t, err, tt.want, tt.index)
		assert.ErrorContains(t, err, "m.index.json", tt.index)
	}
	for _, name := range []string{"", ".", "..", "../outside.safetensors", "/etc/passwd", `..\\x`, "sub/x", "C:x"} {
		index := fmt.Sprintf(`{"weight_map":{"a":"%s"}}`, name)
		_, err := safetensors.OpenIndexFS(shards(t, index), "unet/m.index.json")
		assert.ErrorContains(t, err, "beside the index", name)
	}
	_, err := safetensors.OpenIndexFS(fstest.MapFS{}, "none")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
