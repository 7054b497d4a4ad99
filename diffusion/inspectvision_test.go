package diffusion

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// Image encoders, IP-Adapters and safety checkers are told, alone and in folders.
func TestInspectVision(t *testing.T) {
	ip := ipFolder(t)
	vision, checker := golden.Model(t, "tiny-vision").(fstest.MapFS), golden.Model(t, "tiny-safety-checker").(fstest.MapFS)
	face := shaped(t, t.TempDir()+"/faceid.safetensors", map[string][]int{"image_proj.proj.0.weight": {8, 4}, "image_proj.norm.weight": {8}})
	inFolder := fstest.MapFS{"ip-adapter_sd15.safetensors": ip["plain-sd15.safetensors"], "image_encoder/config.json": vision["config.json"], "image_encoder/model.safetensors": vision["model.safetensors"]}
	for _, tt := range []struct {
		fsys               fstest.MapFS
		name               string
		family, want, use  string
		used, unused, left int
	}{
		{ip, "plain-sd15.safetensors", "ip-adapter", "an IP-Adapter for text of 32 numbers a token, which no published model has, which reads an image encoder: one whose embeddings have 32 numbers", "Pipeline.LoadIPAdapter, -ip-adapter FILE", 12, 0, 0},
		{ip, "plus-sd15.safetensors", "ip-adapter", "an IP-Adapter Plus for text of 32 numbers a token, which no published model has, which reads an image encoder: one whose tokens have 24 numbers", "Pipeline.LoadIPAdapter, -ip-adapter FILE", 59, 0, 0},
		{inFolder, ".", "ip-adapter", "an IP-Adapter for text of 32 numbers a token, which no published model has, which reads an image encoder: one whose embeddings have 32 numbers", "Pipeline.LoadIPAdapter, -ip-adapter FILE", 12, 0, 0},
		{fstest.MapFS{"clip_vision.safetensors": vision["model.safetensors"]}, "clip_vision.safetensors", "vision", "an image encoder of CLIP", encoderUse, 56, 0, 0},
		{vision, ".", "vision", "a CLIPVisionModelWithProjection", encoderUse, 56, 0, 0},
		{fstest.MapFS{"checker.safetensors": checker["safety_checker/model.safetensors"]}, "checker.safetensors", "safety-checker", "the safety checker of Stable Diffusion 1", safetyUse, 60, 0, 0},
		{checker, "safety_checker", "safety-checker", "a StableDiffusionSafetyChecker", safetyUse, 60, 0, 0},
	} {
		r, err := InspectFSContext(t.Context(), tt.fsys, tt.name, nil)
		require.NoError(t, err, tt.name)
		assert.Equal(t, tt.family, r.Family, tt.name)
		assert.Equal(t, tt.want, r.Name, tt.name)
		assert.Equal(t, tt.use, r.Use, tt.name)
		assert.Equal(t, []int{tt.used, tt.unused, tt.left}, []int{r.Count(Used), r.Count(Unused), r.Count(Refused)}, tt.name)
		assert.NotEmpty(t, r.Problems, "%s is no model", tt.name)
	}
	r, err := Inspect(face)
	require.NoError(t, err)
	assert.Equal(t, "an IP-Adapter FaceID, which reads the embedding of a face: it is not supported", r.Name)
	assert.Empty(t, r.Use)
}
