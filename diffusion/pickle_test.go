package diffusion

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// pickled returns a model whose weights are pickles, in the VAE two shards.
func pickled(t *testing.T, model string) fstest.MapFS {
	t.Helper()
	fsys := with(t, model, "", nil)
	for name, to := range map[string]string{
		"text_encoder/model.safetensors":           "text_encoder/pytorch_model.bin",
		"unet/diffusion_pytorch_model.safetensors": "unet/diffusion_pytorch_model.bin",
	} {
		fsys[to] = &fstest.MapFile{Data: golden.Pickled(t, fsys[name].Data)}
	}
	const vae = "vae/diffusion_pytorch_model"
	f, err := safetensors.OpenFS(fsys, vae+".safetensors")
	require.NoError(t, err)
	defer f.Close()
	var shards [2][]safetensors.Tensor
	var index []string
	for i, name := range f.Names() {
		x, _ := f.Tensor(name)
		shards[i%2] = append(shards[i%2], x)
		index = append(index, fmt.Sprintf("%q: \"shard-%d.bin\"", name, i%2))
	}
	for i, tensors := range shards {
		fsys[fmt.Sprintf("vae/shard-%d.bin", i)] = &fstest.MapFile{Data: golden.Pickle(t, tensors...)}
	}
	fsys[vae+".bin.index.json"] = &fstest.MapFile{Data: fmt.Appendf(nil, `{"weight_map": {%s}}`, strings.Join(index, ", "))}
	maps.DeleteFunc(fsys, func(name string, _ *fstest.MapFile) bool { return strings.HasSuffix(name, ".safetensors") })
	return fsys
}

// A model draws the same picture from pickles as from safetensors.
func TestPickledModel(t *testing.T) {
	var pictures [2]*Result
	for i, fsys := range []fstest.MapFS{with(t, "tiny-sd15", "", nil), pickled(t, "tiny-sd15")} {
		var err error
		pictures[i], err = loadFolder(t, fsys, nil).TextToImage(t.Context(), "a red house", &Options{Steps: 2, Seed: 1})
		require.NoError(t, err)
	}
	require.NotEmpty(t, pictures[0].Images)
	assert.Equal(t, pictures[0].Images, pictures[1].Images)
	assert.Equal(t, pictures[0].Latents.Float32s(), pictures[1].Latents.Float32s())
}

// A pickle that would run something is an error that names it.
func TestHostilePickle(t *testing.T) {
	fsys := pickled(t, "tiny-sd15")
	fsys["unet/diffusion_pytorch_model.bin"] = &fstest.MapFile{Data: []byte("\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.")}
	_, err := LoadFS(fsys, nil)
	assert.ErrorContains(t, err, `diffusion: load: unet: loader: pickle: unet/diffusion_pytorch_model.bin: the first pickle: offset 2: GLOBAL: "posix.system" is refused`)
}
