package diffusion

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// A pipeline counts by its parts, whatever its name.
func TestPipelineClasses(t *testing.T) {
	const controlnet = `["diffusers", "ControlNetModel"]`
	for _, tt := range []struct {
		keys     map[string]string
		warnings []string
	}{
		{map[string]string{"_class_name": `"StableDiffusionImg2ImgPipeline"`}, nil},
		{map[string]string{"_class_name": `"StableDiffusionPipelineSafe"`, "requires_safety_checker": "true"}, nil},
		{map[string]string{"_class_name": `"StableDiffusionPAGPipeline"`, "pag_applied_layers": `["mid", "up"]`}, nil},
		{map[string]string{"_class_name": `"LatentConsistencyModelPipeline"`, "image_encoder": "[null, null]"}, nil},
		{map[string]string{"_class_name": `"CycleDiffusionPipeline"`}, nil},
		{map[string]string{"_class_name": `"StableDiffusionXLPipeline"`}, nil}, // with the parts of another
		{map[string]string{"_class_name": "null"}, nil},
		{map[string]string{"_class_name": `["module", "MyPipeline"]`, "_module": `["a", 1]`}, nil},
		{map[string]string{"_class_name": `"FlaxStableDiffusionPipeline"`, "unet": `["diffusers", "FlaxUNet2DConditionModel"]`, "text_encoder": `["transformers", "FlaxCLIPTextModel"]`}, nil},
		{map[string]string{"tokenizer": `["transformers", "CLIPTokenizerFast"]`}, nil},
		{map[string]string{"safety_checker": `["stable_diffusion", "StableDiffusionSafetyChecker"]`}, nil},
		{map[string]string{"unet": "null", "vae": "null", "text_encoder": "null", "tokenizer": "null", "scheduler": "null"}, nil}, // not listed
		{map[string]string{"_class_name": `"StableDiffusionControlNetPipeline"`, "controlnet": controlnet},
			[]string{`model_index.json: the part "controlnet", a ControlNetModel (a network that steers a U-Net), was left out`}},
		{map[string]string{"nothing": `["diffusers", "ControlNetModel"]`}, nil}, // has no folder
	} {
		model := golden.Folder(t, "class-name")
		model["model_index.json"] = setKeys(t, model, "model_index.json", tt.keys)
		model["controlnet/config.json"] = &fstest.MapFile{Data: []byte("{}")}
		model["safety_checker/config.json"] = &fstest.MapFile{Data: []byte("{}")}
		assert.Equal(t, tt.warnings, loadFolder(t, model, nil).Warnings, "%v", tt.keys)
	}
}

// The error says what a folder is that is another.
func TestOtherPipelines(t *testing.T) {
	part := func(class string) string { return `["diffusers", "` + class + `"]` }
	for _, tt := range []struct {
		keys map[string]string
		want string
	}{
		{map[string]string{"_class_name": `"StableDiffusionXLPipeline"`, "text_encoder_2": part("CLIPTextModelWithProjection")},
			`model_index.json: have a "StableDiffusionXLPipeline", want a StableDiffusionPipeline or another with its parts: there is no tokenizer_2`},
		{map[string]string{"_class_name": `"StableDiffusion3Pipeline"`, "unet": "null", "transformer": part("SD3Transformer2DModel")}, "transformer, a SD3Transformer2DModel (a diffusion transformer), belongs to a diffusion transformer"},
		{map[string]string{"_class_name": `"FluxPipeline"`, "text_encoder_2": part("T5EncoderModel")}, `have a "FluxPipeline"`},
		{map[string]string{"_class_name": `"StableDiffusionLatentUpscalePipeline"`}, "this is a latent upscaler, whose U-Net has blocks of k-diffusion"},
		{map[string]string{"max_noise_level": "0"}, "max_noise_level: have 0, want a whole number of 1 or more"},
		{map[string]string{"is_cosxl_edit": "1"}, "is_cosxl_edit: have 1, want true or false"},
		{map[string]string{"_class_name": `"LDMTextToImagePipeline"`, "vqvae": part("VQModel"), "text_encoder": "[null, null]"},
			"vqvae, a VQModel (an autoencoder with a codebook), belongs to an early latent diffusion model; text_encoder is null"},
		{map[string]string{"vae": part("AsymmetricAutoencoderKL")}, "vae is an AsymmetricAutoencoderKL (an autoencoder with a larger decoder), want AutoencoderKL"},
		{map[string]string{"vae": part("VQModel")}, "vae is a VQModel (an autoencoder with a codebook), want AutoencoderKL"},
		{map[string]string{"_class_name": `"AltDiffusionPipeline"`, "text_encoder": part("RobertaSeriesModelWithTransformation")}, "text_encoder is a RobertaSeriesModelWithTransformation (the text encoder of AltDiffusion)"},
		{map[string]string{"tokenizer": part("T5Tokenizer")}, "tokenizer is a T5Tokenizer, want CLIPTokenizer"},
		{map[string]string{"_class_name": `"OnnxStableDiffusionPipeline"`, "unet": part("OnnxRuntimeModel")}, "unet is an OnnxRuntimeModel (a model for ONNX Runtime)"},
		{map[string]string{"unet": "[null, null]"}, "unet is null"},
		{map[string]string{"unet": "3"}, "unet: have 3, want [library, class]"},
		{map[string]string{"_class_name": "7"}, "_class_name: have 7, want a name or [module, name]"},
		{map[string]string{"_class_name": "[]"}, "_class_name: have [], want a name or [module, name]"},
	} {
		model := golden.Folder(t, "class-name")
		model["model_index.json"] = setKeys(t, model, "model_index.json", tt.keys)
		for key := range tt.keys {
			model[key+"/config.json"] = &fstest.MapFile{Data: []byte("{}")}
		}
		_, err := LoadFS(model, nil)
		assert.ErrorContains(t, err, "diffusion: load: ")
		assert.ErrorContains(t, err, tt.want)
	}
	model := golden.Folder(t, "class-name")
	model["model_index.json"] = setKeys(t, model, "model_index.json", map[string]string{"text_encoder": "null"})
	for name := range model {
		if strings.HasPrefix(name, "text_encoder/") {
			delete(model, name)
		}
	}
	_, err := LoadFS(model, nil)
	assert.ErrorContains(t, err, "there is no text_encoder")

	many := make(map[string]string)
	for i := range maxParts {
		many[fmt.Sprint("part", i)] = part("UNet2DModel")
	}
	model["model_index.json"] = setKeys(t, model, "model_index.json", many)
	_, err = LoadFS(model, nil)
	assert.ErrorContains(t, err, "want at most 1000")
}

// Another model in the place of a part.
func TestOtherParts(t *testing.T) {
	const unetFile, vaeFile = "unet/config.json", "vae/config.json"
	for _, tt := range []struct {
		file string
		keys map[string]string
		want string
	}{
		{unetFile, map[string]string{"_class_name": `"UNet2DModel"`}, "unet/config.json: have a UNet2DModel (a U-Net without text), want a UNet2DConditionModel"},
		{unetFile, map[string]string{"_class_name": `"ControlNetModel"`}, "unet/config.json: have a ControlNetModel (a network that steers a U-Net)"},
		{unetFile, map[string]string{"_class_name": "null", "conditioning_channels": "3"}, "conditioning_channels: have a key of a ControlNetModel"},
		{vaeFile, map[string]string{"_class_name": `"VQModel"`}, "vae/config.json: have a VQModel (an autoencoder with a codebook), want an AutoencoderKL"},
		{vaeFile, map[string]string{"_class_name": `"AutoencoderTiny"`}, "decoder.layers.0.weight: missing, want [64 4 3 3]"},
		{vaeFile, map[string]string{"_class_name": "null", "num_vq_embeddings": "64"}, "have a key of a VQModel"},
		{vaeFile, map[string]string{"quantization_config": `{"load_in_8bit": true}`}, "have quantized weights"},
	} {
		model := golden.Folder(t, "class-name")
		model[tt.file] = setKeys(t, model, tt.file, tt.keys)
		_, err := LoadFS(model, nil)
		assert.ErrorContains(t, err, tt.want)
	}
	for name, want := range map[string]string{
		"tiny-class-timestep": "the U-Net reads text of width 8 (cross_attention_dim), the text encoder writes 32 (hidden_size)",
	} {
		model := golden.Folder(t, "class-name")
		other := golden.Model(t, name)
		for _, file := range []string{"config.json", "diffusion_pytorch_model.safetensors"} {
			data, err := fs.ReadFile(other, "unet/"+file)
			require.NoError(t, err)
			model["unet/"+file] = &fstest.MapFile{Data: data}
		}
		_, err := LoadFS(model, nil)
		assert.ErrorContains(t, err, want)
	}
}

// What is no pipeline's folder at all.
func TestNoPipeline(t *testing.T) {
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for _, tt := range []struct {
		folder fstest.MapFS
		want   string
	}{
		{fstest.MapFS{"config.json": text(`{"_class_name": "UNet2DModel"}`)}, "have the folder of a UNet2DModel (a U-Net without text) alone, want that of a pipeline"},
		{fstest.MapFS{"config.json": text(`{"_class_name": "ControlNetModel", "x": NaN}`)}, "a ControlNetModel (a network that steers a U-Net)"},
		{fstest.MapFS{"config.json": text(`{"_class_name": "VQModel"}`)}, "a VQModel"},
		{fstest.MapFS{"config.json": text(`{"_class_name": "AutoencoderTiny"}`)}, "an AutoencoderTiny"},
		{fstest.MapFS{"config.json": text(`{"_class_name": "UNet2DConditionModel"}`)}, "the folder of a UNet2DConditionModel alone"},
		{fstest.MapFS{"config.json": text(`{"architectures": ["CLIPTextModel"]}`)}, "the folder of a CLIPTextModel alone"},
		{fstest.MapFS{"config.json": text(`{"model_type": "llama"}`)}, `a model of type "llama"`},
		{fstest.MapFS{"config.json": text(`{`)}, "model_index.json"},
		{fstest.MapFS{"scheduler_config.json": text(`{}`)}, "the folder of a scheduler alone"},
		{fstest.MapFS{"vocab.json": text(`{}`)}, "the folder of a tokenizer alone"},
		{fstest.MapFS{"pytorch_lora_weights.safetensors": text("")}, "the folder of a LoRA"},
		{fstest.MapFS{"pytorch_lora_weights.bin": text("")}, "the folder of a LoRA"},
		{fstest.MapFS{"learned_embeds.safetensors": text("")}, "the folder of a textual inversion, want that of a pipeline"},
		{fstest.MapFS{"ip-adapter_sd15.safetensors": text("")}, "the folder of an IP-Adapter"},
		{fstest.MapFS{"unet/config.json": text("{}"), "vae/config.json": text("{}"), "notes.txt": text("")}, "a folder with unet, vae and no model_index.json, which save_pretrained"},
		{fstest.MapFS{"models--a--b/refs/main": text("")}, "Hugging Face cache"},
		{fstest.MapFS{"snapshots/0123/model_index.json": text("{}")}, "Hugging Face cache"},
		{fstest.MapFS{"model/model_index.json": text("{}")}, `a folder around that of a model, "model"`},
		{fstest.MapFS{"v1-5.safetensors": text("")}, `a checkpoint in one file, "v1-5.safetensors", which can be loaded itself`},
		{fstest.MapFS{"v1-5.ckpt": text("")}, `a checkpoint in one file, "v1-5.ckpt", which can be loaded itself`},
		{fstest.MapFS{"v1-5.gguf": text("")}, `a checkpoint in one file, "v1-5.gguf", which can be loaded itself`},
		{fstest.MapFS{"notes.txt": text("")}, "diffusion: load: loader: open model_index.json"},
		{fstest.MapFS{}, "an empty folder"},
	} {
		_, err := LoadFS(tt.folder, nil)
		assert.ErrorContains(t, err, tt.want)
		assert.ErrorContains(t, err, "diffusion: load: ")
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}
}
