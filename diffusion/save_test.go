package diffusion_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/diffusion"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
)

// models are the golden models, with the tensors of a file that are not those that the
// references had there, as a folder does not have them.
var models = map[string][]string{
	"tiny-sd15": nil, "tiny-sd15-4blk": nil, "tiny-sdxl": nil,
	"tiny-sd21-v": {"cond_stage_model.model.transformer.resblocks.3.", "cond_stage_model.model.text_projection"},
}

// A folder that became a file is the same folder again, and a file that became a folder
// the same file: names, types and bytes of tensors, and configurations.
func TestConvertRoundTrip(t *testing.T) {
	for name, zeros := range models {
		t.Run(name, func(t *testing.T) {
			dir, out := golden.ModelDir(t, name), t.TempDir()
			path := func(file string) string { return filepath.Join(out, file) }
			require.NoError(t, diffusion.Convert(t.Context(), dir, path("a.safetensors"), nil, nil))
			require.NoError(t, diffusion.Convert(t.Context(), path("a.safetensors"), path("folder"), nil, nil))
			files := weightFiles(t, dir)
			assert.Equal(t, files, weightFiles(t, path("folder")))
			for _, file := range files {
				sameTensors(t, filepath.Join(dir, file), filepath.Join(path("folder"), file))
			}
			sameJSON(t, dir, path("folder"))

			file := singleFile(t, name)
			sameTensors(t, file, path("a.safetensors"), zeros...)
			require.NoError(t, diffusion.Convert(t.Context(), file, path("folder2"), nil, nil))
			for _, file := range files {
				sameTensors(t, filepath.Join(dir, file), filepath.Join(path("folder2"), file))
			}
			require.NoError(t, diffusion.Convert(t.Context(), path("folder2"), path("b.safetensors"), nil, nil))
			sameTensors(t, file, path("b.safetensors"), zeros...)
		})
	}
}

// latents runs a model for two steps.
func latents(t *testing.T, path string, load *diffusion.LoadOptions) []float32 {
	t.Helper()
	pipe, err := diffusion.Load(path, load)
	require.NoError(t, err)
	defer pipe.Close()
	return latentsOf(t, pipe)
}

func latentsOf(t *testing.T, pipe *diffusion.Pipeline) []float32 {
	t.Helper()
	r, err := pipe.TextToImage(t.Context(), "a red house", &diffusion.Options{Steps: 2, Seed: 3, Width: 64, Height: 64})
	require.NoError(t, err)
	return r.Latents.Float32s()
}

// What is written draws what the model draws, bit for bit, without anything beside it.
func TestConvertedDraws(t *testing.T) {
	for _, name := range []string{"tiny-sd15", "tiny-sd21-v", "tiny-sdxl", "tiny-inpaint"} {
		t.Run(name, func(t *testing.T) {
			dir, out := golden.ModelDir(t, name), t.TempDir()
			a, b := filepath.Join(out, "a.safetensors"), filepath.Join(out, "b")
			require.NoError(t, diffusion.Convert(t.Context(), dir, a, nil, nil))
			require.NoError(t, diffusion.Convert(t.Context(), a, b, nil, nil))
			if name == "tiny-inpaint" {
				var index struct {
					Class string `json:"_class_name"`
				}
				text, err := os.ReadFile(filepath.Join(b, "model_index.json"))
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(text, &index))
				assert.Equal(t, "StableDiffusionInpaintPipeline", index.Class)
				return
			}
			c, d := filepath.Join(out, "c.gguf"), filepath.Join(out, "d")
			require.NoError(t, diffusion.Convert(t.Context(), b, c, nil, nil))
			require.NoError(t, diffusion.Convert(t.Context(), c, d, nil, nil))
			want := latents(t, dir, nil)
			for _, path := range []string{a, b, c, d} {
				assert.Equal(t, want, latents(t, path, nil), path)
			}
		})
	}
}

// A pipeline is saved with the numbers that it has, those of an overlay among them, and
// the scheduler that it has now.
func TestSave(t *testing.T) {
	dir, out := golden.ModelDir(t, "tiny-sd15"), t.TempDir()
	pipe, err := diffusion.Load(dir, nil)
	require.NoError(t, err)
	defer pipe.Close()
	saved := filepath.Join(out, "saved")
	var done, total int64
	require.NoError(t, diffusion.Save(t.Context(), saved, pipe, &diffusion.SaveOptions{OnProgress: func(d, n int64) {
		assert.Greater(t, d, done)
		done, total = d, n
	}}))
	assert.Equal(t, total, done)
	assert.Positive(t, total)
	for _, file := range weightFiles(t, dir) {
		sameTensors(t, filepath.Join(dir, file), filepath.Join(saved, file))
	}
	assert.Equal(t, latentsOf(t, pipe), latents(t, saved, nil))

	pipe.Scheduler, err = pipe.Scheduler.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	const key = "conv_out.bias"
	trained := tensor.New(tensor.WithShape(4), tensor.WithBacking([]float32{1, 2, 3, 4}))
	file := filepath.Join(out, "trained.safetensors")
	require.NoError(t, diffusion.Save(t.Context(), file, pipe, &diffusion.SaveOptions{DType: "f16", Overlay: func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		if part != "unet" {
			return src, nil
		}
		o := checkpoint.NewOverlay(src)
		return o, o.Set(key, trained)
	}}))
	back, err := diffusion.Load(file, &diffusion.LoadOptions{Overlay: func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		if part == "unet" {
			x := make([]float32, 4)
			require.NoError(t, src.Float32s(key, 0, x))
			assert.Equal(t, []float32{1, 2, 3, 4}, x)
			_, dtype, _ := src.Tensor(key)
			assert.Equal(t, "F16", dtype)
		}
		return src, nil
	}})
	require.NoError(t, err)
	defer back.Close()
	assert.Equal(t, "EulerDiscreteScheduler", back.Scheduler.Class)

	require.NoError(t, pipe.Close())
	assert.ErrorIs(t, diffusion.Save(t.Context(), filepath.Join(out, "closed"), pipe, nil), diffusion.ErrClosed)
	assert.Error(t, diffusion.Save(t.Context(), saved, nil, nil))
}

// What is there is not replaced unless that was asked for, and a folder only if it is a
// model's.
func TestSaveReplace(t *testing.T) {
	dir, out := golden.ModelDir(t, "tiny-sd15"), t.TempDir()
	folder, file, other := filepath.Join(out, "folder"), filepath.Join(out, "a.gguf"), filepath.Join(out, "other")
	require.NoError(t, os.Mkdir(other, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(other, "thesis.txt"), []byte("x"), 0o666))
	replace := &diffusion.SaveOptions{Replace: true, DType: "f16"}
	for _, path := range []string{folder, file} {
		require.NoError(t, diffusion.Convert(t.Context(), dir, path, nil, nil))
		err := diffusion.Convert(t.Context(), dir, path, nil, nil)
		assert.ErrorIs(t, err, fs.ErrExist)
		assert.ErrorContains(t, err, "diffusion: convert: "+path+": ")
		require.NoError(t, diffusion.Convert(t.Context(), dir, path, nil, replace))
	}
	require.NoError(t, diffusion.Convert(t.Context(), folder, folder, nil, replace), "a folder in its own place")
	assert.ErrorContains(t, diffusion.Convert(t.Context(), dir, other, nil, replace), "not a model's")
	assert.FileExists(t, filepath.Join(other, "thesis.txt"))
	assert.ErrorContains(t, diffusion.Convert(t.Context(), dir, filepath.Join(out, "a.ckpt"), nil, nil), ".ckpt")

	inner := filepath.Join(folder, "inner")
	require.NoError(t, os.Rename(folder+"/unet", inner))
	err := diffusion.Convert(t.Context(), dir, folder, &diffusion.LoadOptions{UNet: inner}, replace)
	assert.ErrorContains(t, err, "would be replaced")
	entries, err := os.ReadDir(out)
	require.NoError(t, err)
	assert.Len(t, entries, 3)
}

// A conversion that is cancelled, at any tensor, leaves nothing behind.
func TestConvertCancelled(t *testing.T) {
	dir := golden.ModelDir(t, "tiny-sd15")
	for _, name := range []string{"folder", "a.safetensors", "a.gguf"} {
		for _, after := range []int{1, 2, 100, 200, 300} {
			out := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			err := diffusion.Convert(ctx, dir, filepath.Join(out, name), nil, &diffusion.SaveOptions{OnProgress: func(done, total int64) {
				if n++; n == after {
					cancel()
				}
			}})
			cancel()
			require.ErrorIs(t, err, context.Canceled, "%s after %d tensors", name, after)
			entries, err := os.ReadDir(out)
			require.NoError(t, err)
			require.Empty(t, entries)
		}
	}
}
