package infotext

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ComfyUI's default graph, with a LoRA, clip skip, and a prompt from a node of its own.
const defaultGraph = `{
"3": {"class_type": "KSampler", "inputs": {"cfg": 8, "denoise": 1, "latent_image": ["5", 0], "model": ["10", 0], "negative": ["7", 0], "positive": ["12", 0], "sampler_name": "dpmpp_2m", "scheduler": "karras", "seed": 8566257, "steps": 20}},
"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5-pruned-emaonly.safetensors"}},
"5": {"class_type": "EmptyLatentImage", "inputs": {"batch_size": 1, "height": 512, "width": 768}},
"6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["11", 0], "text": ["13", 0]}},
"7": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["11", 0], "text": "bad hands"}},
"8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
"9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
"10": {"class_type": "LoraLoader", "inputs": {"model": ["4", 0], "clip": ["4", 1], "lora_name": "style.safetensors", "strength_model": 0.5, "strength_clip": 1}},
"11": {"class_type": "CLIPSetLastLayer", "inputs": {"clip": ["10", 1], "stop_at_clip_layer": -2}},
"12": {"class_type": "ControlNetApply", "inputs": {"conditioning": ["6", 0], "strength": 1}},
"13": {"class_type": "PrimitiveString", "inputs": {"value": "masterpiece best quality girl"}}
}`

// A graph of the newer nodes, for Stable Diffusion XL, from an image.
const customGraph = `{
"1": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["2", 0], "guider": ["3", 0], "sampler": ["4", 0], "sigmas": ["5", 0], "latent_image": ["6", 0]}},
"2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 18446744073709551615}},
"3": {"class_type": "CFGGuider", "inputs": {"cfg": 2.5, "model": ["7", 0], "positive": ["8", 0], "negative": ["9", 0]}},
"4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
"5": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 10, "denoise": 0.5, "model": ["7", 0]}},
"6": {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0]}},
"7": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
"8": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_l": "a cat", "text_g": "a cat on a mat"}},
"9": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_l": "x", "text_g": "x"}},
"10": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
}`

func TestComfy(t *testing.T) {
	c, err := ParseComfy([]byte(defaultGraph))
	require.NoError(t, err)
	assert.Equal(t, Comfy{
		Prompt: "masterpiece best quality girl", Negative: "bad hands", Seed: 8566257, Steps: 20, CFG: 8, Sampler: "dpmpp_2m", Scheduler: "karras",
		Denoise: 1, Width: 768, Height: 512, Model: "v1-5-pruned-emaonly.safetensors", SkippedLayers: 1,
		Other: []Field{{"Lora", "style.safetensors:0.5"}},
	}, c)
	c, err = ParseComfy([]byte(customGraph))
	require.NoError(t, err)
	assert.Equal(t, Comfy{
		Prompt: "a cat", Prompt2: "a cat on a mat", Negative: "x", Seed: 1<<64 - 1, Steps: 10, CFG: 2.5, Sampler: "euler", Scheduler: "simple",
		Denoise: 0.5, FromImage: true, Model: "sd_xl_base_1.0.safetensors",
	}, c)
	for text, want := range map[string]string{
		"{":                                 "ComfyUI's prompt: unexpected end",
		`[]`:                                "ComfyUI's prompt: json",
		`{}`:                                "have no sampler's node",
		`{"1": {"class_type": "KSampler"}}`: "have no sampler's node",
		`{"1": {"class_type": "KSamplers", "inputs": {"latent_image": ["2", 0]}}}`: "have no sampler's node",
	} {
		_, err := ParseComfy([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}

// A graph that leads to itself ends, too.
func TestCircle(t *testing.T) {
	c, err := ParseComfy([]byte(`{"1": {"class_type": "KSampler", "inputs": {"latent_image": ["1", 0], "samples": ["1", 0], "model": ["1", 0], "positive": ["1", 0], "negative": ["1", 0], "text": ["1", 0], "seed": -1, "steps": 1e3}}}`))
	require.NoError(t, err)
	assert.True(t, c.FromImage)
}

func FuzzComfy(f *testing.F) {
	f.Add([]byte(defaultGraph))
	f.Add([]byte(customGraph))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseComfy(text)
		assert.True(t, err == nil || c.Prompt == "")
	})
}
