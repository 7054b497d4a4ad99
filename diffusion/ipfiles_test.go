package diffusion

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoadIPAdapterErrors(t *testing.T) {
	p, xl := load(t, "tiny-sd15", nil), load(t, "tiny-sdxl", nil)
	fsys := ipFolder(t)
	folder := fstest.MapFS{}
	for name, file := range fsys {
		if strings.Contains(name, "/") {
			folder[name] = file
		}
	}
	folder["ip-adapter_sd15.safetensors"] = fsys["plain-sd15.safetensors"]
	a, err := p.LoadIPAdapterFS(folder, ".", nil)
	require.NoError(t, err, "the one in the folder")
	shared, err := p.LoadIPAdapterFS(fsys, "plus-sd15.safetensors", &IPAdapterOptions{Encoder: a.ImageEncoder()})
	require.NoError(t, err)
	require.NoError(t, shared.Close())
	_, err = a.ImageEncoder().Values(1, 0)
	require.NoError(t, err, "the encoder of another stays open")
	require.NoError(t, a.Close())

	folder["ip-adapter-plus_sd15.safetensors"] = fsys["plus-sd15.safetensors"]
	alone := fstest.MapFS{"plain.safetensors": fsys["plain-sd15.safetensors"]}
	dir := t.TempDir()
	shaped(t, filepath.Join(dir, "faceid.safetensors"), map[string][]int{"image_proj.proj.0.weight": {8, 4}, "image_proj.proj.2.weight": {8, 8}, "image_proj.norm.weight": {8}, "ip_adapter.0.to_q_lora.down.weight": {1, 1}})
	shaped(t, filepath.Join(dir, "faceplus.safetensors"), map[string][]int{"image_proj.proj.0.weight": {8, 4}, "image_proj.norm.weight": {8}, "image_proj.perceiver_resampler.proj_in.weight": {8, 4}})
	face := os.DirFS(dir)
	for _, tt := range []struct {
		p    *Pipeline
		fsys fs.FS
		name string
		want string
	}{
		{p, folder, ".", "have a folder with ip-adapter-plus_sd15.safetensors, ip-adapter_sd15.safetensors, want the path of one of them"},
		{p, fsys, "image_encoder", "have a folder without a file ip-adapter*.safetensors or .bin"},
		{p, fsys, "none.safetensors", "none.safetensors"},
		{p, alone, "plain.safetensors", "there is no folder image_encoder beside it, want the image encoder that it reads in IPAdapterOptions.ImageEncoder (-image-encoder): one whose embeddings have 32 numbers"},
		{xl, fsys, "plain-sd15.safetensors", "the adapter makes tokens of 32 numbers"},
		{p, fsys, "image_encoder/model.safetensors", "have no projection of images of a kind that is known"},
		{p, face, "faceid.safetensors", "this is an IP-Adapter FaceID, which reads the embedding of a face as InsightFace makes it: it is not supported"},
		{p, face, "faceplus.safetensors", "this is an IP-Adapter FaceID Plus"},
	} {
		_, err := tt.p.LoadIPAdapterFS(tt.fsys, tt.name, nil)
		assert.ErrorContains(t, err, "diffusion: load IP-Adapter: ")
		assert.ErrorContains(t, err, tt.want)
	}
}

// Files whose tensors do not go together are errors that say what is wrong.
func TestOddIPAdapters(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	widths := map[int]int{1: 16, 3: 16, 5: 16, 7: 32}
	for want, shapes := range map[string]map[string][]int{
		"image_proj.proj.weight: have shape [7 32], want [128 32]":        {"proj.weight": {7, 32}, "proj.bias": {128}, "norm.weight": {32}, "norm.bias": {32}},
		"image_proj.norm.bias: missing, want [32]":                        {"proj.weight": {128, 32}, "proj.bias": {128}, "norm.weight": {32}},
		"image_proj.layers.0.0.norm1.weight: missing, want [4]":           {"latents": {1, 2, 4}, "proj_in.weight": {4, 24}, "proj_out.weight": {32, 4}},
		"image_proj.latents: have shape [1 2 9], want [1 2 4]":            {"latents": {1, 2, 9}, "proj_in.weight": {4, 24}, "proj_out.weight": {32, 4}},
		"image_proj: have tensors of another kind than an IP-Adapter has": {"proj.weight": {128, 32}, "proj.bias": {128}},
		"have no projection of images of a kind that is known":            {"latents": {1, 2, 4}, "proj_in.weight": {0, 24}, "proj_out.weight": {32, 4}},
		"image_proj.proj.0.bias: missing, want [5]":                       {"proj.0.weight": {5, 5}, "proj.3.weight": {32}},
	} {
		all := make(map[string][]int)
		for name, shape := range shapes {
			all["image_proj."+name] = shape
		}
		for number, width := range widths {
			for _, kind := range []string{"k", "v"} {
				all[fmt.Sprintf("ip_adapter.%d.to_%s_ip.weight", number, kind)] = []int{width, 32}
			}
		}
		_, err := p.LoadIPAdapter(shaped(t, filepath.Join(t.TempDir(), "ip-adapter.safetensors"), all), nil)
		assert.ErrorContains(t, err, "diffusion: load IP-Adapter: ")
		assert.ErrorContains(t, err, want)
	}
}
