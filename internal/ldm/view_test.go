package ldm_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors"
)

// together returns a file with the tensors of a model's parts, each behind a prefix, in the
// names of diffusers.
func together(t *testing.T, model string, prefixes map[string]string) *loader.Folder {
	t.Helper()
	var tensors []safetensors.Tensor
	for part, prefix := range prefixes {
		file := part + "/diffusion_pytorch_model.safetensors"
		if strings.HasPrefix(part, "text") {
			file = part + "/model.safetensors"
		}
		f, err := safetensors.OpenFS(golden.Model(t, model), file)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		for _, name := range f.Names() {
			x, _ := f.Tensor(name)
			x.Name = prefix + name
			tensors = append(tensors, x)
		}
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, tensors, nil))
	return open(t, fstest.MapFS{"x.safetensors": {Data: b.Bytes(), Mode: 0o644}}, "x")
}

// Models whose parts all have the names of diffusers are those of the folders, both text
// encoders in the names of transformers, too.
func TestNamesOfDiffusers(t *testing.T) {
	for _, tt := range []struct {
		model    string
		family   ldm.Family
		prefixes map[string]string
	}{
		{"tiny-sd15", ldm.SD1, map[string]string{"unet": "unet.", "vae": "vae.", "text_encoder": "te."}},
		{"tiny-sd15-4blk", ldm.SD1, map[string]string{"unet": "model.diffusion_model.", "vae": "first_stage_model.", "text_encoder": "cond_stage_model.transformer."}},
		{"tiny-sd21-v", ldm.SD2, map[string]string{"unet": "unet.", "vae": "vae.", "text_encoder": "text_encoder."}},
		{"tiny-sdxl", ldm.SDXL, map[string]string{"unet": "unet.", "vae": "vae.", "text_encoder": "te1.", "text_encoder_2": "te2."}},
		{"tiny-sdxl", ldm.SDXL, map[string]string{"unet": "", "vae": "vae.", "text_encoder": "conditioner.embedders.0.transformer.", "text_encoder_2": "conditioner.embedders.1.transformer."}},
		{"tiny-sdxl", ldm.SDXL, map[string]string{"unet": "diffusion_model.", "vae": "vae.", "text_encoder": "text_encoders.clip_l.transformer.", "text_encoder_2": "text_encoders.clip_g.transformer."}},
	} {
		file := together(t, tt.model, tt.prefixes)
		m, err := ldm.Open(file)
		require.NoError(t, err, "%s %v", tt.model, tt.prefixes)
		assert.Equal(t, tt.family, m.Family)
		assert.Empty(t, m.Unused)
		for name, part := range m.Parts {
			folder, err := loader.Open(t.Context(), kinds[name], golden.Model(t, tt.model), name, "")
			require.NoError(t, err)
			same(t, folder, part)
			if name == ldm.TextEncoder2 {
				sameConfig(t, folder, part, "num_attention_heads")
			} else {
				sameConfig(t, folder, part)
			}
			require.NoError(t, folder.Close())
		}
		for part := range tt.prefixes { // alone, by a family that is told
			p, family, fates, err := ldm.OpenPart(file, part, tt.family)
			require.NoError(t, err)
			assert.Equal(t, tt.family, family)
			assert.ElementsMatch(t, m.Parts[part].Names(), p.Names())
			assert.Len(t, fates, len(file.Names()))
		}
	}
}

// A file that is refused is told by what it lacks.
func TestIncomplete(t *testing.T) {
	_, err := ldm.Open(together(t, "tiny-sdxl", map[string]string{"unet": "unet.", "text_encoder": "te1."}))
	var incomplete *ldm.Incomplete
	require.ErrorAs(t, err, &incomplete)
	assert.Equal(t, ldm.SDXL, incomplete.Family)
	assert.Equal(t, []string{ldm.UNet, ldm.TextEncoder}, incomplete.Have)
	assert.Equal(t, []string{ldm.VAE, ldm.TextEncoder2}, incomplete.Missing)
	m, err := ldm.OpenWith(together(t, "tiny-sdxl", map[string]string{"unet": "unet.", "text_encoder": "te1."}), ldm.Options{Given: incomplete.Missing})
	require.NoError(t, err)
	assert.Len(t, m.Parts, 2)
}
