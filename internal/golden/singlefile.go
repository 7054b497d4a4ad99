package golden

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// keymap says what the tensors of diffusers' folders are called in a single file.
type keymap struct {
	UNet map[string]string `json:"unet"`
	VAE  map[string]string `json:"vae"`
}

// SingleFile returns a file system in which name.safetensors is a model in the layout of
// the original code, as the references wrote it.
func SingleFile(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	file := name + ".safetensors.gz"
	require.NoError(t, addTree(m, file, path.Join("testdata/single-file", file)))
	return m
}

// Keymap returns the names in a single file of the tensors of a model's U-Net and VAE.
func Keymap(t testing.TB, name string) (unet, vae map[string]string) {
	t.Helper()
	m := fstest.MapFS{}
	require.NoError(t, addTree(m, "keymap.json.gz", "testdata/single-file/keymap_"+name+".json.gz"))
	for _, f := range m {
		var k keymap
		require.NoError(t, json.Unmarshal(f.Data, &k))
		return k.UNet, k.VAE
	}
	return nil, nil
}

const sd2 = "tiny-sd21-v"

// SingleFileOf returns the file of [SingleFile], made of the tensors of a model's folder
// and its keymap. That of tiny-sd21-v has the blocks of tiny-sd15, and the text encoder of
// the references' file.
func SingleFileOf(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	model, keys := Model(t, name), name
	if name == sd2 {
		keys = "tiny-sd15"
	}
	unet, vae := Keymap(t, keys)
	var tensors []safetensors.Tensor
	add := func(file string, to func(name string) string) {
		f, err := safetensors.OpenFS(model, file)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		for _, from := range f.Names() {
			x, _ := f.Tensor(from)
			shape := x.Shape
			if len(shape) == 2 && file == "vae/diffusion_pytorch_model.safetensors" { // attention
				shape = append(slices.Clone(shape), 1, 1)
			}
			x, err := safetensors.New(to(from), x.DType, shape, x.Bytes())
			require.NoError(t, err)
			tensors = append(tensors, x)
		}
	}
	add("unet/diffusion_pytorch_model.safetensors", func(name string) string { return unet[name] })
	add("vae/diffusion_pytorch_model.safetensors", func(name string) string { return vae[name] })
	if name == sd2 {
		model = SingleFile(t, sd2+"-text-encoder-only")
		add(sd2+"-text-encoder-only.safetensors", func(name string) string { return name })
	} else {
		add("text_encoder/model.safetensors", func(name string) string { return "cond_stage_model.transformer." + name })
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, tensors, nil))
	return fstest.MapFS{name + ".safetensors": {Data: b.Bytes(), Mode: 0o644}}
}

// Tokenizer adds the folder of a model's tokenizer to a file system.
func Tokenizer(t testing.TB, m fstest.MapFS, model string) {
	t.Helper()
	sub, err := fs.Sub(Model(t, model), "tokenizer")
	require.NoError(t, err)
	files := fstest.MapFS{}
	entries, err := fs.ReadDir(sub, ".")
	require.NoError(t, err)
	for _, e := range entries {
		data, err := fs.ReadFile(sub, e.Name())
		require.NoError(t, err)
		files["tokenizer/"+e.Name()] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	maps.Copy(m, files)
}
