package diffusion

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/ldm"
	"sdgo/safetensors"
)

// onDisk writes files to a folder, and returns the path of name.safetensors in it.
func onDisk(t *testing.T, files fstest.MapFS, name string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, files))
	return filepath.Join(dir, name+".safetensors")
}

// changedFile returns a single file with some tensors left out, some added, and metadata.
func changedFile(t *testing.T, files fstest.MapFS, name string, keep func(name string) bool, metadata map[string]string, added ...string) fstest.MapFS {
	t.Helper()
	file := name + ".safetensors"
	f, err := safetensors.OpenFS(files, file)
	require.NoError(t, err)
	defer f.Close()
	var tensors []safetensors.Tensor
	for _, n := range f.Names() {
		if x, _ := f.Tensor(n); keep(n) {
			tensors = append(tensors, x)
		}
	}
	for _, n := range added {
		x, err := safetensors.NewFloat32(n, []int{1}, []float32{1})
		require.NoError(t, err)
		tensors = append(tensors, x)
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, tensors, metadata))
	return fstest.MapFS{file: {Data: b.Bytes(), Mode: 0o644}}
}

func all(string) bool { return true }

// A picture of a model in one file has the bytes of one of its folder.
func TestSingleFile(t *testing.T) {
	for _, tt := range []struct {
		name    string
		files   fstest.MapFS
		guesses int
	}{
		{"tiny-sd15", golden.SingleFile(t, "tiny-sd15"), 3},
		{"tiny-sd15-4blk", golden.SingleFileOf(t, "tiny-sd15-4blk"), 1}, // the text encoder alone
		{"tiny-sd21-v", golden.SingleFileOf(t, "tiny-sd21-v"), 3},
		{"tiny-sdxl", golden.SingleFile(t, "tiny-sdxl"), 3},
	} {
		tokenizer := "tiny-sd15"
		if tt.name == "tiny-sd21-v" {
			tokenizer = tt.name // which pads with another token
		}
		golden.Tokenizer(t, tt.files, tokenizer)
		switch tt.name {
		case "tiny-sdxl":
			addXL(t, tt.files)
		case "tiny-sd21-v":
			tt.files["tiny-sd21-v.yaml"] = &fstest.MapFile{Data: []byte("model: {params: {parameterization: v}}"), Mode: 0o644}
		}
		p, err := Load(onDisk(t, tt.files, tt.name), nil)
		require.NoError(t, err)
		defer p.Close()
		assert.Len(t, p.Warnings, tt.guesses, "%q", p.Warnings)
		o := quick(2)
		o.Sampler = nil // that of the scheduler, whose spacing the folder alone names for others
		want, err := load(t, tt.name, nil).TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		got, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want.Images[0].Pix, got.Images[0].Pix), tt.name)
	}
}

// A file of PyTorch is read as one of safetensors is.
func TestSingleFilePickle(t *testing.T) {
	files := changedFile(t, golden.SingleFile(t, "tiny-sd15"), "tiny-sd15", func(name string) bool {
		return name != "model_ema.num_updates" // of a type that the writer does not know
	}, nil)
	path := onDisk(t, files, "tiny-sd15")
	pickled := strings.TrimSuffix(path, ".safetensors") + ".ckpt"
	require.NoError(t, os.WriteFile(pickled, golden.Pickled(t, files["tiny-sd15.safetensors"].Data), 0o600))
	o := &LoadOptions{Tokenizer: filepath.Join(golden.ModelDir(t, "tiny-sd15"), "tokenizer")}
	var pictures [2]*Result
	for i, path := range []string{path, pickled} {
		p, err := Load(path, o)
		require.NoError(t, err)
		defer p.Close()
		pictures[i], err = p.TextToImage(t.Context(), prompt, quick(2))
		require.NoError(t, err)
	}
	assert.True(t, bytes.Equal(pictures[0].Images[0].Pix, pictures[1].Images[0].Pix))
}

// addXL adds the second tokenizer, and the number of heads of the second text encoder,
// which no tensor tells.
func addXL(t *testing.T, files fstest.MapFS) {
	t.Helper()
	model := golden.Model(t, "tiny-sdxl")
	for _, name := range []string{"vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"} {
		data, err := fs.ReadFile(model, "tokenizer_2/"+name)
		require.NoError(t, err)
		files["tokenizer_2/"+name] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	files["tiny-sdxl.json"] = &fstest.MapFile{Data: []byte(`{"text_encoder_2": {"num_attention_heads": 4}}`), Mode: 0o644}
}

// Where there is no tokenizer the error says so; a path in the options gives one, and a
// file beside the model what no tensor tells.
func TestSingleFileBeside(t *testing.T) {
	files := golden.SingleFile(t, "tiny-sd15")
	path := onDisk(t, files, "tiny-sd15")
	_, err := Load(path, nil)
	assert.ErrorContains(t, err, "diffusion: load: tiny-sd15.safetensors: have embeddings of 1000 tokens, not the 49408 of OpenAI's CLIP, and no tokenizer: want a folder with vocab.json and merges.txt")
	tokenizer := filepath.Join(golden.ModelDir(t, "tiny-sd15"), "tokenizer")
	for _, tt := range []struct{ file, text, err, warning string }{
		{"tiny-sd15.json", `{"unet": {"attention_head_dim": 2}, "scheduler": {"prediction_type": "v_prediction", "steps_offset": 1}, "sd version": "1"}`, "", `tiny-sd15.json: have the key "sd version", which is not known`},
		{"tiny-sd15.json", `{"unet": 2}`, "tiny-sd15.json: unet: have 2, want an object", ""},
		{"tiny-sd15.json", `{"unet": {"attention_head_dim": 3}}`, "attention_head_dim: have 3, want a divisor", ""},
		{"tiny-sd15.json", `{"scheduler": {"_class_name": "NoSuchScheduler"}}`, "tiny-sd15.json: scheduler: ", ""},
		{"tiny-sd15.json", `[`, "tiny-sd15.json: offset 1", ""},
		{"tiny-sd15.yaml", "model:\n  params:\n    parameterization: \"v\"\n", "", "narrower than published ones"},
		{"tiny-sd15.yml", "model:\n  params:\n    parameterization: x0\n", "tiny-sd15.yml: model.params.parameterization: have \"x0\", want eps or v", ""},
		{"tiny-sd15.yaml", "a: [", "tiny-sd15.yaml: yaml: ", ""},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), tt.file), []byte(tt.text), 0o600))
		p, err := Load(path, &LoadOptions{Tokenizer: tokenizer})
		require.NoError(t, os.Remove(filepath.Join(filepath.Dir(path), tt.file)))
		if tt.err != "" {
			assert.ErrorContains(t, err, tt.err, tt.text)
			continue
		}
		require.NoError(t, err, tt.text)
		assert.Equal(t, vPrediction, p.Scheduler.PredictionType, tt.text)
		assert.Contains(t, strings.Join(p.Warnings, "\n"), tt.warning)
		if tt.file == "tiny-sd15.json" {
			assert.Equal(t, 2, p.UNet.Config.AttentionHeadDim.At(0))
			assert.NotContains(t, strings.Join(p.Warnings, "\n"), "attention_head_dim")
		}
		require.NoError(t, p.Close())
	}
}

// What is not a whole model is called by its name, and what no part reads is a warning.
func TestOtherSingleFiles(t *testing.T) {
	files := golden.SingleFile(t, "tiny-sd15")
	without := func(prefix string) func(string) bool {
		return func(name string) bool { return !strings.HasPrefix(name, prefix) }
	}
	none := func(string) bool { return false }
	for _, tt := range []struct {
		keep  func(string) bool
		added string
		want  string
	}{
		{without("first_stage_model."), "x", "this is a U-Net of Stable Diffusion 1 and a text encoder, and nothing else"},
		{without("model."), "x", "this is a VAE and a text encoder, and nothing else"},
		{without("cond_stage_model."), "x", "this is a U-Net of Stable Diffusion 1 and a VAE, and nothing else"},
		{none, "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "this is Stable Diffusion 3"},
		{none, "double_blocks.0.img_attn.qkv.weight", "this is Flux"},
		{none, "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight", "this is a LoRA"},
		{none, "control_model.time_embed.0.weight", "this is a ControlNet"},
		{none, "emb_params", "this is a textual inversion"},
		{none, "something", `have 1 tensors, such as "something": want a whole model of Stable Diffusion 1, 2 or XL`},
		{without("model.diffusion_model.out.2.weight"), "x", "this is Stable Diffusion 1: model.diffusion_model.out.2.weight is missing"},
		{without("model.diffusion_model.out.0.weight"), "x", "conv_norm_out.weight"},
		{without("model.diffusion_model.output_blocks.1.1.conv"), "x", "have blocks that go down and up to different levels"},
		{all, "first_stage_model.quantize.embedding.weight", "this is latent diffusion whose autoencoder has a codebook (first_stage_model.quantize.embedding.weight), which is read as a folder of diffusers"},
		{all, "model.diffusion_model.input_blocks.4.1.qkv.weight", "this is diffusion without text, whose U-Net attends to pixels alone (qkv), which is read as a folder of diffusers"},
		{all, "quantize.embedding.weight", "this is an autoencoder with a codebook (quantize.embedding.weight), diffusers' VQModel"},
		{all, "unet.mid_block.attentions.0.query.weight", "this is the U-Net of a model without text, diffusers' UNet2DModel, which is read in the folder of its pipeline"},
		{all, "model.diffusion_model.label_emb.weight", "this is a model of classes"},
		{all, "conditioner.embedders.1.model.ln_final.weight", "this is Stable Diffusion XL: conditioner.embedders.1.model.positional_embedding is missing"},
		{all, "edm_mean", "this is Playground 2.5"},
		{without("cond_stage_model."), "conditioner.embedders.0.model.ln_final.weight", "this is the refiner of Stable Diffusion XL: conditioner.embedders.0.model.positional_embedding is missing"},
	} {
		changed := changedFile(t, files, "tiny-sd15", tt.keep, nil, tt.added)
		golden.Tokenizer(t, changed, "tiny-sd15")
		path := onDisk(t, changed, "tiny-sd15")
		_, err := Load(path, nil)
		assert.ErrorContains(t, err, "diffusion: load: ", tt.want)
		assert.ErrorContains(t, err, tt.want)
	}

	some := changedFile(t, files, "tiny-sd15", all, map[string]string{"modelspec.prediction_type": "v"},
		"model_ema.diffusion_modelout2weight", "cond_stage_model.transformer.vision_model.x", "posterior_variance")
	golden.Tokenizer(t, some, "tiny-sd15")
	p, err := Load(onDisk(t, some, "tiny-sd15"), nil)
	require.NoError(t, err)
	defer p.Close()
	assert.Contains(t, p.Warnings, "tiny-sd15.safetensors: 1 tensors were left out, such as cond_stage_model.transformer.vision_model.x")
	assert.Equal(t, vPrediction, p.Scheduler.PredictionType)
}

// What a model predicts is decided by the first that says it.
func TestChoosePrediction(t *testing.T) {
	meta := func(key, value string) map[string]string { return map[string]string{"modelspec." + key: value} }
	for _, tt := range []struct {
		family   ldm.Family
		channels int
		v        bool
		option   string
		beside   string
		metadata map[string]string
		want     string
		by       string
	}{
		{ldm.SD1, 4, false, "", "", nil, epsilon, "what published models of Stable Diffusion 1 predict"},
		{ldm.SD1, 4, true, "", "", nil, vPrediction, "the tensor v_pred"},
		{ldm.SD2, 4, false, "", "", nil, "", ""},
		{ldm.SD2, 9, false, "", "", nil, epsilon, "what published models of Stable Diffusion 2 predict"},
		{ldm.SD2, 4, false, "", "", meta("predict_key", "epsilon"), epsilon, "metadata modelspec.predict_key"},
		{ldm.SD2, 4, false, "", "", meta("architecture", "stable-diffusion-v2-512"), epsilon, "metadata modelspec.architecture"},
		{ldm.SD2, 4, false, "", "", meta("architecture", "stable-diffusion-v2-768-v"), vPrediction, "metadata modelspec.architecture"},
		{ldm.SD2, 4, false, "", "", map[string]string{"global_step": "875000"}, epsilon, "metadata global_step"},
		{ldm.SD2, 4, true, "", epsilon, nil, epsilon, "m.yaml"},
		{ldm.SD2, 4, true, epsilon, vPrediction, meta("predict_key", "v"), epsilon, "LoadOptions.Prediction"},
	} {
		m := &ldm.Model{Family: tt.family, Channels: tt.channels, V: tt.v}
		got := choosePrediction(m, &LoadOptions{Prediction: tt.option}, &beside{name: "m.yaml", prediction: tt.beside}, tt.metadata)
		assert.Equal(t, tt.want, got.kind, "%+v", tt)
		assert.Equal(t, tt.by, got.by, "%+v", tt)
	}
	_, err := Load("x", &LoadOptions{Prediction: "noise"})
	assert.Error(t, err)
	_, err = LoadFS(fstest.MapFS{}, &LoadOptions{Prediction: "noise"})
	assert.ErrorIs(t, err, ErrOptions)
	assert.ErrorContains(t, err, `prediction: have "noise", want epsilon or v_prediction`)
}
