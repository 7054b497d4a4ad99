package diffusion

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// Folders as people have them give the reference's latents.
func TestFolders(t *testing.T) {
	tests := []struct {
		name    string // in testdata/cases of package golden
		steps   int
		prompt  string // "a red house" if empty
		options Options
		load    *LoadOptions
	}{
		{name: "class-name", steps: 4},
		{name: "dpm-infinity", steps: 6},
		{name: "ema-keys", steps: 4},
		{name: "index-scheduler", steps: 4},
		{name: "new-keys", steps: 4},
		{name: "old-sample-size", steps: 2},
		{name: "saved-defaults", steps: 4},
		{name: "saved-singlestep", steps: 4},
		{name: "saved-switched", steps: 4},
		{name: "stale-single", steps: 2},
		{name: "ti-multivector", steps: 4, prompt: "a photo of <cat-toy> on a hill"},
		{name: "te-proj", steps: 4},
		{name: "clip-model", steps: 4},
		{name: "attention-mask", steps: 4},
		{name: "lcm-time-cond", steps: 4, options: Options{Guidance: 8}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "old-sample-size" { // 512×512 pixels
				skipInShort(t)
			}
			p := loadFolder(t, golden.Folder(t, tt.name), tt.load)
			o := tt.options
			o.Steps = tt.steps
			o.Seed = 1
			prompt := tt.prompt
			if prompt == "" {
				prompt = "a red house"
			}
			result, err := p.TextToImage(t.Context(), prompt, &o)
			require.NoError(t, err)
			golden.Close(t, golden.FolderLatents(t, tt.name), result.Latents.Float32s(), tolerance, "final latents")
		})
	}
}

// loadFolder loads a model for as long as the test runs.
func loadFolder(t testing.TB, fsys fs.FS, o *LoadOptions) *Pipeline {
	t.Helper()
	p, err := LoadFS(fsys, o)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// Parts without the variant have their plain files.
func TestVariantMixed(t *testing.T) {
	const text, net, vae = "text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model"
	model := golden.Folder(t, "variant-mixed")
	for _, name := range []string{text, net} { // the plain files are those of fp16, and nothing in their place
		model[name+".fp16.safetensors"] = model[name+".safetensors"]
		model[name+".safetensors"] = &fstest.MapFile{Data: []byte("broken")}
	}
	p := loadFolder(t, model, &LoadOptions{Variant: "fp16"})
	result, err := p.TextToImage(t.Context(), "a red house", &Options{Steps: 2, Seed: 1})
	require.NoError(t, err)
	golden.Close(t, golden.FolderLatents(t, "variant-mixed"), result.Latents.Float32s(), tolerance, "final latents")

	delete(model, "unet/diffusion_pytorch_model.bf16.safetensors")
	_, err = LoadFS(model, &LoadOptions{Variant: "bf16"})
	assert.ErrorContains(t, err, `diffusion: load: variant: have "bf16", which no part has: there are fp16`)
	_, err = LoadFS(golden.Folder(t, "stale-single"), &LoadOptions{Variant: "fp8"})
	assert.ErrorContains(t, err, `variant: have "fp8", which no part has: there are bf16`)
	delete(model, vae+".safetensors")
	_, err = LoadFS(model, &LoadOptions{Variant: "fp16"})
	assert.ErrorContains(t, err, "vae: loader: vae: no diffusion_pytorch_model.safetensors")
}

// setKeys returns the text of a JSON file with the given keys set; null takes a key out.
func setKeys(t testing.TB, model fstest.MapFS, file string, keys map[string]string) *fstest.MapFile {
	t.Helper()
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(model[file].Data, &object))
	for key, value := range keys {
		object[key] = json.RawMessage(value)
		if value == "null" {
			delete(object, key)
		}
	}
	data, err := json.Marshal(object)
	require.NoError(t, err)
	return &fstest.MapFile{Data: data}
}

// What is not known is left out, and the caller hears of it.
func TestWarnings(t *testing.T) {
	model := golden.Folder(t, "class-name")
	assert.Empty(t, loadFolder(t, model, nil).Warnings)
	model["scheduler/scheduler_config.json"] = setKeys(t, model, "scheduler/scheduler_config.json", map[string]string{"timestep_values": "[1]", "beta_shedule": `"linear"`})
	model["text_encoder/config.json"] = setKeys(t, model, "text_encoder/config.json", map[string]string{"new_norm": "1", "num_beams": "1", "use_newer": "null"})
	model["unet/config.json"] = setKeys(t, model, "unet/config.json", map[string]string{"use_new": "true", "decay": "0.999"})
	model["unet/diffusion_pytorch_model.safetensors.index.json"] = &fstest.MapFile{Data: []byte(`{"weight_map": {"conv_in.bias": "none"}}`)}
	model["vae/config.json"] = setKeys(t, model, "vae/config.json", map[string]string{"new_factor": "0.5", "newer": "false"})
	p := loadFolder(t, model, nil)
	assert.Equal(t, []string{
		`scheduler/scheduler_config.json: the key "beta_shedule" is not known and was left out: have "linear"`,
		`text_encoder/config.json: the key "new_norm" is not known and was left out: have 1`,
		`unet/config.json: the key "use_new" is not known and was left out: have true`,
		"unet/diffusion_pytorch_model.safetensors.index.json: files that it names are missing, diffusion_pytorch_model.safetensors was taken instead",
		`vae/config.json: the key "new_factor" is not known and was left out: have 0.5`,
	}, p.Warnings)
	result, err := p.TextToImage(t.Context(), "a red house", &Options{Steps: 4, Seed: 1})
	require.NoError(t, err)
	golden.Close(t, golden.FolderLatents(t, "class-name"), result.Latents.Float32s(), tolerance, "final latents")
}

// The class of the scheduler is what model_index.json says, else what the config says.
func TestSchedulerClass(t *testing.T) {
	const index, config = "model_index.json", "scheduler/scheduler_config.json"
	pair := func(class string) string { return `["diffusers", "` + class + `"]` }
	for _, tt := range []struct{ index, config, want, err string }{
		{pair("EulerDiscreteScheduler"), `"PNDMScheduler"`, "EulerDiscreteScheduler", ""},
		{pair("EulerDiscreteScheduler"), "null", "EulerDiscreteScheduler", ""},
		{pair("FlaxDDIMScheduler"), `"FlaxDDIMScheduler"`, "DDIMScheduler", ""},
		{pair("PNDMScheduler"), `"DDIMScheduler"`, "PNDMScheduler", ""},
		{pair("DDIMParallelScheduler"), `"DDIMParallelScheduler"`, "DDIMScheduler", ""}, // of StableDiffusionParadigmsPipeline
		{pair("DDIMScheduler"), `"MyScheduler"`, "DDIMScheduler", ""},
		{"null", `"EulerDiscreteScheduler"`, "EulerDiscreteScheduler", ""},
		{"null", "null", "", "_class_name is missing"},
		{"[null, null]", `"PNDMScheduler"`, "", "scheduler"},
		{pair("MyScheduler"), `"PNDMScheduler"`, "", `scheduler/scheduler_config.json, as the MyScheduler that model_index.json names: scheduler: _class_name: have "MyScheduler", want one of`},
	} {
		model := golden.Folder(t, "class-name")
		model[index] = setKeys(t, model, index, map[string]string{"scheduler": tt.index})
		model[config] = setKeys(t, model, config, map[string]string{"_class_name": tt.config})
		if tt.err != "" {
			_, err := LoadFS(model, nil)
			assert.ErrorContains(t, err, tt.err)
			continue
		}
		assert.Equal(t, tt.want, loadFolder(t, model, nil).Scheduler.Class, "%s, %s", tt.index, tt.config)
	}
}

// Python's words for floats that are not numbers may stand in any JSON file.
func TestPythonWords(t *testing.T) {
	model := golden.Folder(t, "class-name")
	for name, value := range map[string]string{
		"model_index.json":                  `{"_note": NaN,`,
		"scheduler/scheduler_config.json":   `{"lambda_min_clipped": -Infinity, "_note": [Infinity, "-Infinity"],`,
		"text_encoder/config.json":          `{"initializer_factor": NaN,`,
		"tokenizer/tokenizer_config.json":   `{"_note": "\"NaN", "_more": -Infinity,`,
		"tokenizer/special_tokens_map.json": `{"_note": NaN,`,
		"unet/config.json":                  `{"_note": {"a": -Infinity},`,
		"vae/config.json":                   `{"_note": Infinity,`,
	} {
		data, ok := bytes.CutPrefix(bytes.TrimSpace(model[name].Data), []byte("{"))
		require.True(t, ok)
		model[name] = &fstest.MapFile{Data: append([]byte(value), data...)}
	}
	result, err := loadFolder(t, model, nil).TextToImage(t.Context(), "a red house", &Options{Steps: 4, Seed: 1})
	require.NoError(t, err)
	golden.Close(t, golden.FolderLatents(t, "class-name"), result.Latents.Float32s(), tolerance, "final latents")

	config := model["tokenizer/tokenizer_config.json"]
	config.Data = bytes.Replace(config.Data, []byte(`"model_max_length": 77`), []byte(`"model_max_length": Infinity`), 1)
	assert.Contains(t, string(config.Data), `"model_max_length": Infinity`)
	assert.Equal(t, 77, loadFolder(t, model, nil).Tokenizer.MaxLength)
}
