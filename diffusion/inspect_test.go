package diffusion

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// A report of a model in one file says what becomes of each tensor.
func TestInspectFile(t *testing.T) {
	files := golden.SingleFile(t, "tiny-sd15")
	changed := changedFile(t, files, "tiny-sd15", func(name string) bool { return name != "model_ema.num_updates" }, map[string]string{"modelspec.predict_key": "v"},
		"model_ema.diffusion_modelout2weight", "cond_stage_model.transformer.vision_model.x", "model.diffusion_model.nosuch.weight")
	golden.Tokenizer(t, changed, "tiny-sd15")
	path := onDisk(t, changed, "tiny-sd15")
	r, err := Inspect(path)
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	assert.Equal(t, path, r.Path)
	assert.Equal(t, "safetensors", r.Container)
	assert.Equal(t, Identity{Family: "sd1", Name: "Stable Diffusion 1", Prediction: vPrediction, DecidedBy: "metadata modelspec.predict_key"}, r.Identity)
	of := make(map[string]TensorReport)
	for _, x := range r.Tensors {
		of[x.Name] = x
	}
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.Len(t, r.Tensors, len(f.Names()))
	total := int64(0)
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		assert.Equal(t, x.Shape, of[name].Shape)
		assert.Equal(t, int64(len(x.Bytes())), of[name].Bytes, name)
		total += of[name].Bytes
	}
	assert.Equal(t, total, r.Bytes())
	assert.Equal(t, TensorReport{Name: "model.diffusion_model.input_blocks.0.0.weight", Shape: []int{16, 4, 3, 3}, DType: "F16", Bytes: 1152,
		Part: "unet", As: []string{"conv_in.weight"}, Fate: Used}, of["model.diffusion_model.input_blocks.0.0.weight"])
	for name, want := range map[string]struct {
		fate Fate
		why  string
	}{
		"model_ema.diffusion_modelout2weight": {Ignored, "averages over training"},
		"betas":                               {Ignored, "a schedule of noise, which the scheduler makes"},
		"cond_stage_model.transformer.vision_model.x": {Unused, ""},
		"model.diffusion_model.nosuch.weight":         {Unused, ""},
		"first_stage_model.post_quant_conv.weight":    {Used, ""},
	} {
		assert.Equal(t, want.fate, of[name].Fate, name)
		assert.Equal(t, want.why, of[name].Why, name)
	}
	require.Len(t, r.Parts, 3)
	parts := make(map[string]int)
	for _, p := range r.Parts {
		parts[p.Name] = p.Tensors
		assert.Equal(t, path, p.File)
		assert.Equal(t, p.Tensors, p.DTypes["F16"], p.Name)
		assert.Equal(t, 2*p.Parameters, p.Bytes)
	}
	assert.Equal(t, r.Count(Used), parts["unet"]+parts["vae"]+parts["text_encoder"])
	assert.Equal(t, 2, r.Count(Unused))
}

// A report of a folder has the parts where they are, and those that were given.
func TestInspectFolder(t *testing.T) {
	r, err := InspectFSContext(t.Context(), golden.Model(t, "tiny-sdxl"), ".", nil)
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	assert.Equal(t, Identity{Family: "sdxl", Name: "Stable Diffusion XL", Prediction: epsilon, DecidedBy: schedulerFile}, r.Identity)
	var files []string
	for _, p := range r.Parts {
		files = append(files, p.File)
	}
	assert.Equal(t, []string{"text_encoder/model.safetensors", "text_encoder_2/model.safetensors", "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"}, files)
	assert.Equal(t, len(r.Tensors), r.Count(Used)+r.Count(Ignored))

	for model, want := range map[string]Identity{
		"tiny-inpaint":     {Family: "sd1", Task: "inpainting", Name: "Stable Diffusion 1 (inpainting)"},
		"tiny-depth":       {Family: "sd1", Task: "depth", Name: "Stable Diffusion 1 (depth)"},
		"tiny-sd21-v":      {Family: "sd2", Name: "Stable Diffusion 2"},
		"tiny-x4-upscaler": {Family: "sd2", Task: "upscaling", Name: "Stable Diffusion 2 (upscaling)"},
	} {
		r, err := Inspect(golden.ModelDir(t, model))
		require.NoError(t, err, model)
		have := r.Identity
		have.Prediction, have.DecidedBy = "", ""
		assert.Equal(t, want, have, model)
		assert.Empty(t, r.Problems, model)
	}

	single := onDisk(t, golden.SingleFile(t, "tiny-sd15"), "tiny-sd15")
	dir := golden.ModelDir(t, "tiny-sd15")
	r, err = InspectContext(t.Context(), dir, &LoadOptions{VAE: single})
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	assert.Equal(t, single, r.Parts[2].File)
	assert.True(t, r.Parts[2].Given)
	r, err = InspectContext(t.Context(), dir, &LoadOptions{VAE: golden.ModelDir(t, "tiny-sdxl")})
	require.NoError(t, err)
	require.Len(t, r.Problems, 1)
	assert.Contains(t, r.Problems[0], "this is the VAE of Stable Diffusion XL")
}

// The error of a load has the report, which names what is missing.
func TestLoadError(t *testing.T) {
	files := golden.SingleFile(t, "tiny-sd15")
	changed := changedFile(t, files, "tiny-sd15", func(name string) bool {
		return name != "model_ema.num_updates" && name != "model.diffusion_model.out.0.weight" && name != "first_stage_model.decoder.norm_out.bias"
	}, nil, "first_stage_model.decoder.norm_out.bias")
	golden.Tokenizer(t, changed, "tiny-sd15")
	path := onDisk(t, changed, "tiny-sd15")
	_, err := Load(path, nil)
	var refused *LoadError
	require.ErrorAs(t, err, &refused)
	assert.ErrorContains(t, err, "unet: conv_norm_out.weight: missing, want [16]")
	want := []MissingTensor{
		{Part: "unet", Name: "conv_norm_out.weight", Want: []int{16}},
		{Part: "vae", Name: "decoder.conv_norm_out.bias", Want: []int{8}, Have: []int{1}},
	}
	assert.Equal(t, want, refused.Report.Missing)
	assert.Len(t, refused.Report.Problems, 2)
	assert.Equal(t, 1, refused.Report.Count(Refused))
	same, err := Inspect(path)
	require.NoError(t, err)
	assert.Equal(t, same, refused.Report)

	_, err = Load(filepath.Join(t.TempDir(), "nosuch"), nil)
	assert.NotErrorAs(t, err, &refused)
	assert.EqualError(t, new(LoadError), "diffusion: load: refused")
}

// Files that are no whole model are told by name, with all of their tensors.
func TestInspectOthers(t *testing.T) {
	file := func(names ...string) fstest.MapFS {
		return changedFile(t, golden.SingleFile(t, "tiny-sd15"), "tiny-sd15", func(string) bool { return false }, nil, names...)
	}
	for family, name := range map[string]string{
		"sd3": "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "flux": "double_blocks.0.img_attn.qkv.weight",
		"pixart": "adaln_single.linear.weight", "wan": "head.modulation", "lora": "lora_unet_x.lora_down.weight",
		"controlnet": "control_model.time_embed.0.weight", "textual-inversion": "emb_params", "lumina": "cap_embedder.0.weight",
		"cascade": "clip_txt_mapper.weight", "": "something",
	} {
		r, err := Inspect(onDisk(t, file(name), "tiny-sd15"))
		require.NoError(t, err, family)
		assert.Equal(t, family, r.Family, name)
		assert.Len(t, r.Problems, 1)
		fate := map[bool]Fate{true: Used, false: Refused}[r.Use != ""] // by another call
		assert.Equal(t, []TensorReport{{Name: name, Shape: []int{1}, DType: "F32", Bytes: 4, Fate: fate}}, r.Tensors)
	}
	single := golden.SingleFile(t, "tiny-sd15")
	for _, tt := range []struct{ family, name, prefix, to string }{
		{"sd1", "a U-Net of Stable Diffusion 1", u, ""}, {"vae", "a VAE", v, ""}, {"text-encoder", "a text encoder", text, ""},
		{"vae", "a VAE", v, v}, {"text-encoder", "a text encoder", text, "te1."},
	} {
		r, err := Inspect(renamed(t, single, "tiny-sd15", only(tt.prefix, tt.to)))
		require.NoError(t, err)
		assert.Equal(t, tt.family, r.Family)
		assert.Equal(t, tt.name, r.Name)
		assert.Len(t, r.Problems, 1, "%q", r.Problems)
		assert.Len(t, r.Parts, 1)
		assert.Equal(t, len(r.Tensors), r.Count(Used)+r.Count(Ignored), tt.name)
	}

	cat, err := safetensors.NewFloat32("<cat>", []int{2, 768}, make([]float32, 2*768))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, safetensors.WriteFile(filepath.Join(dir, "cat.safetensors"), []safetensors.Tensor{cat}, nil))
	r, err := Inspect(filepath.Join(dir, "cat.safetensors"))
	require.NoError(t, err)
	assert.Equal(t, "textual-inversion", r.Family)

	r, err = Inspect(onDisk(t, single, "tiny-sd15")) // without its tokenizer
	require.NoError(t, err)
	require.Len(t, r.Problems, 1)
	assert.Contains(t, r.Problems[0], "no tokenizer: want a folder with vocab.json and merges.txt")
	assert.Equal(t, 440, r.Count(Used))

	require.NoError(t, os.WriteFile(filepath.Join(dir, indexFile), []byte(`{"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"]}`), 0o600))
	r, err = Inspect(dir)
	require.NoError(t, err)
	assert.Equal(t, "flux", r.Family)
	assert.Contains(t, strings.Join(r.Problems, "\n"), "FluxPipeline")
	r, err = Inspect(filepath.Join(golden.ModelDir(t, "tiny-sd15"), "unet"))
	require.NoError(t, err)
	assert.Equal(t, "sd1", r.Family)
	assert.Len(t, r.Parts, 1)
	_, err = Inspect(t.TempDir())
	assert.ErrorContains(t, err, "diffusion: inspect: have an empty folder")
	_, err = InspectFSContext(t.Context(), nil, ".", nil)
	assert.Error(t, err)
}

// The refiner of Stable Diffusion XL is one in a file, too.
func TestSingleRefiner(t *testing.T) {
	refiner := loadRefiner(t)
	path := filepath.Join(t.TempDir(), "refiner.safetensors")
	require.NoError(t, Save(t.Context(), path, refiner, nil))
	r, err := Inspect(path)
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	assert.Equal(t, "sdxl-refiner", r.Family)
	p, err := Load(path, nil)
	require.NoError(t, err)
	defer p.Close()
	assert.True(t, p.refiner())
	assert.False(t, p.zeroEmpty)
	o := quick(2)
	want, err := refiner.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Images[0].Pix, got.Images[0].Pix)
}

// A cache of the hub's, in which all files are links, is a folder like others.
func TestInspectLinks(t *testing.T) {
	root, model := t.TempDir(), golden.ModelDir(t, "tiny-sd15")
	n := 0
	require.NoError(t, filepath.WalkDir(model, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inside, err := filepath.Rel(model, path)
		require.NoError(t, err)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		n++
		blob := filepath.Join(root, "blobs", strconv.Itoa(n))
		link := filepath.Join(root, "snapshots", "x", inside)
		require.NoError(t, os.MkdirAll(filepath.Dir(blob), 0o700))
		require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o700))
		require.NoError(t, os.WriteFile(blob, data, 0o600))
		target, err := filepath.Rel(filepath.Dir(link), blob)
		require.NoError(t, err)
		return os.Symlink(target, link)
	}))
	r, err := Inspect(filepath.Join(root, "snapshots", "x"))
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	want, err := Inspect(model)
	require.NoError(t, err)
	want.Path = r.Path
	assert.Equal(t, want, r)
	p, err := Load(filepath.Join(root, "snapshots", "x"), &LoadOptions{VAE: filepath.Join(root, "snapshots", "x", "vae")})
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

// A TAESD in its author's files is a part; its encoder alone is none.
func TestInspectTAESD(t *testing.T) {
	dir := t.TempDir()
	decoder, encoder := filepath.Join(dir, "taesd_decoder.safetensors"), filepath.Join(dir, "taesd_encoder.safetensors")
	golden.WriteTAESD(t, encoder, "encoder")
	r, err := Inspect(encoder)
	require.NoError(t, err)
	assert.Equal(t, "vae", r.Family)
	assert.Equal(t, len(r.Tensors), r.Count(Refused))
	assert.Contains(t, r.Problems[1], "have an encoder alone")
	golden.WriteTAESD(t, decoder, "decoder")
	r, err = Inspect(decoder)
	require.NoError(t, err)
	assert.Equal(t, "vae", r.Family)
	assert.Contains(t, r.Problems[0], "this is the small autoencoder TAESD")
	assert.Len(t, r.Parts, 1)
	assert.Equal(t, len(r.Tensors), r.Count(Used))
	r, err = InspectContext(t.Context(), golden.ModelDir(t, "tiny-sd15"), &LoadOptions{VAE: decoder})
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	assert.Equal(t, decoder, r.Parts[2].File)
}

// Of a file with several parts of which the first is broken the others are told.
func TestInspectBrokenPart(t *testing.T) {
	files := golden.SingleFile(t, "tiny-sd15")
	changed := changedFile(t, files, "tiny-sd15", func(name string) bool {
		return name == u+"input_blocks.0.0.weight" || strings.HasPrefix(name, text)
	}, nil)
	r, err := Inspect(onDisk(t, changed, "tiny-sd15"))
	require.NoError(t, err)
	assert.Equal(t, "a U-Net of Stable Diffusion 1 and a text encoder", r.Name)
	require.Len(t, r.Problems, 2)
	assert.Contains(t, r.Problems[1], "have blocks that go down and up to different levels, or none")
	require.Len(t, r.Parts, 1)
	assert.Equal(t, r.Parts[0].Tensors, r.Count(Used))
	assert.Equal(t, 1, r.Count(Unused))
}
