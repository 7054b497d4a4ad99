package diffusion

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// shaped writes a file of zeros in shapes.
func shaped(t *testing.T, path string, shapes map[string][]int) string {
	t.Helper()
	var tensors []safetensors.Tensor
	for name, shape := range shapes {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x, err := safetensors.NewFloat32(name, shape, make([]float32, n))
		require.NoError(t, err)
		tensors = append(tensors, x)
	}
	require.NoError(t, safetensors.WriteFile(path, tensors, nil))
	return path
}

// What is for a model beside others says what it is, which models it is for, how it is
// used, and which of its tensors its own loader takes.
func TestInspectBesides(t *testing.T) {
	const kohya = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
	const peft = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_v"
	const te = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
	const adapterUse, wordUse = "Pipeline.LoadAdapter, -lora FILE:WEIGHT", "Pipeline.LoadEmbedding, -embedding FILE:WORD"
	for want, tt := range map[string]struct {
		use           string
		used, refused int
		shapes        map[string][]int
	}{
		"a LoRA of rank 4 for Stable Diffusion 1": {adapterUse, 2, 0, map[string][]int{kohya + ".lora_down.weight": {4, 768}, kohya + ".lora_up.weight": {320, 4}, "more": {1}}},
		"a LoRA, LoRA with DoRA of ranks 2 to 8 for Stable Diffusion 2": {adapterUse, 5, 0, map[string][]int{
			peft + ".lora_A.weight": {8, 1024}, peft + ".lora_B.weight": {320, 8}, "a.lora_A.weight": {2, 3}, "a.lora_B.weight": {2, 3}, "a.dora_scale": {2},
		}},
		"a LoHa of rank 4 for Stable Diffusion XL": {adapterUse, 4, 0, map[string][]int{
			kohya + ".hada_w1_a": {640, 4}, kohya + ".hada_w1_b": {4, 2048}, kohya + ".hada_w2_a": {640, 4}, kohya + ".hada_w2_b": {4, 2048},
		}},
		"a LoKr of rank 2 for the refiner of Stable Diffusion XL": {adapterUse, 3, 0, map[string][]int{kohya + ".lokr_w1": {8, 16}, kohya + ".lokr_w2_a": {4, 2}, kohya + ".lokr_w2_b": {2, 80}}},
		"an OFT":                       {adapterUse, 1, 0, map[string][]int{kohya + ".oft_blocks": {4, 8, 8}}},
		"an IA³":                       {adapterUse, 2, 0, map[string][]int{kohya + ".on_input": {}, kohya + ".weight": {320}}},
		"a GLoRA: it is not supported": {"", 0, 2, map[string][]int{kohya + ".a1.weight": {4, 3}, kohya + ".b1.weight": {4, 3}}},
		"a LoRA of rank 1 for a text encoder of 768 numbers, as for Stable Diffusion 1 or the first text encoder of XL": {adapterUse, 2, 0, map[string][]int{te + ".lora_down.weight": {1, 768}, te + ".lora_up.weight": {768, 1}}},
		"a LoRA of rank 4 for Flux: it is not supported":                                                                {"", 0, 1, map[string][]int{"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": {4, 3072}}},
		"a textual inversion, 2 vectors of 1024 numbers, as for Stable Diffusion 2":                                     {wordUse, 1, 0, map[string][]int{"emb_params": {2, 1024}}},
		"a textual inversion, 1 vector clip_l of 768 numbers, as for Stable Diffusion 1 or the first text encoder of XL and 1 vector clip_g of 1280 numbers, as for the second text encoder of Stable Diffusion XL": {wordUse, 2, 0, map[string][]int{"clip_l": {1, 768}, "clip_g": {1, 1280}}},
		"a ControlNet for Stable Diffusion XL": {"", 0, 2, map[string][]int{"controlnet_cond_embedding.conv_in.weight": {1}, "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": {2, 2048}}},
	} {
		r, err := Inspect(shaped(t, filepath.Join(t.TempDir(), "x.safetensors"), tt.shapes))
		require.NoError(t, err)
		assert.Equal(t, want, r.Name)
		assert.Equal(t, tt.use, r.Use, want)
		assert.Equal(t, tt.used, r.Count(Used), want)
		assert.Equal(t, tt.refused, r.Count(Refused), want)
		assert.NotEmpty(t, r.Problems, want)
	}
}

// Folders of such files and of parts say the same.
func TestInspectBesidesInFolders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"_class_name": "ControlNetModel"}`), 0o600))
	shaped(t, filepath.Join(dir, "diffusion_pytorch_model.safetensors"), map[string][]int{"controlnet_cond_embedding.conv_in.weight": {1}})
	r, err := Inspect(dir)
	require.NoError(t, err)
	assert.Equal(t, "controlnet", r.Family)
	assert.Equal(t, 1, r.Count(Refused))

	dir = t.TempDir()
	shaped(t, filepath.Join(dir, "learned_embeds.safetensors"), map[string][]int{"<cat>": {768}})
	r, err = Inspect(dir)
	require.NoError(t, err)
	assert.Equal(t, "textual-inversion", r.Family)
	assert.Equal(t, 1, r.Count(Used))

	for part, use := range map[string]string{
		"unet": "LoadOptions.UNet, -unet PATH", "vae": "LoadOptions.VAE, -vae PATH",
		"text_encoder": "LoadOptions.TextEncoder, -text-encoder PATH", "text_encoder_2": "LoadOptions.TextEncoder2, -text-encoder-2 PATH",
	} {
		r, err := Inspect(filepath.Join(golden.ModelDir(t, "tiny-sdxl"), part))
		require.NoError(t, err)
		assert.Equal(t, use, r.Use)
		assert.Len(t, r.Parts, 1)
		assert.Equal(t, len(r.Tensors), r.Count(Used), part)
	}
	r, err = Inspect(golden.ModelDir(t, "tiny-sdxl"))
	require.NoError(t, err)
	assert.Empty(t, r.Use)
}

// An adapter of another family is an error with all the modules that did and did not match.
func TestAdapterError(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	_, err := p.LoadAdapterFS(loraFile(t, "tiny-sd15-kohya"), "lora.safetensors")
	var e *AdapterError
	require.ErrorAs(t, err, &e)
	assert.NotEmpty(t, e.Unmatched)
	assert.NotEmpty(t, e.Matched)
	assert.ErrorContains(t, err, "diffusion: load adapter: adapter: lora.safetensors: this is for another model: ")
	assert.Less(t, len(err.Error()), 1500)
	assert.EqualError(t, new(AdapterError), "diffusion: load adapter: does not fit the model")
	_, err = p.LoadAdapterFS(loraFile(t, "tiny-sd15-kohya"), "none")
	assert.NotErrorAs(t, err, &e)
}
