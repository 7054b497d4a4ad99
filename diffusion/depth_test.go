package diffusion

import (
	"encoding/json"
	"image"
	"image/color"
	"math"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
)

// resampling is what torch rounds: it computes positions in the map, here up to 64,
// where float32 has steps of 4e-6, and weights in single precision.
const resampling = 5e-6

const depthCase = "pipelines/depth2img/pndm8_s0.8"

// depthGolden is the depth map that the reference got.
func depthGolden(t testing.TB) *tensor.Dense {
	g := golden.Open(t, depthCase)
	return engine.Tensor(g.Float32s("depth_map"), g.Shape("depth_map")...)
}

// The U-Net's fifth channel is the reference's.
func TestDepthChannel(t *testing.T) {
	g := golden.Open(t, depthCase)
	shape := g.Shape("unet_in_first") // [2 5 8 8]
	cells := shape[2] * shape[3]
	have, err := readDepth(t.Context(), depthGolden(t), shape[2], shape[3])
	require.NoError(t, err)
	golden.Close(t, g.Float32s("unet_in_first")[4*cells:5*cells], have, resampling, "depth")
	assert.Equal(t, []float32{-1, 1}, []float32{slices.Min(have), slices.Max(have)})
}

func TestBicubic(t *testing.T) {
	data, err := os.ReadFile("testdata/depth.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			Size, To      [2]int
			Input, Output []float32
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Cases)
	for _, c := range file.Cases {
		have, err := torchCubic.resample(t.Context(), c.Input, c.Size[0], c.Size[1], c.To[0], c.To[1])
		require.NoError(t, err)
		golden.Close(t, c.Output, have, resampling, "resampled")
	}
}

func TestDepthMap(t *testing.T) {
	deep := image.NewGray16(image.Rect(2, 3, 4, 4))
	deep.SetGray16(2, 3, color.Gray16{Y: 1})
	deep.SetGray16(3, 3, color.Gray16{Y: 65535})
	flat := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	flat.SetNRGBA(0, 0, color.NRGBA{51, 51, 51, 255})
	flat.SetNRGBA(1, 0, color.NRGBA{255, 0, 0, 255}) // luma 76
	for _, tt := range []struct {
		img  image.Image
		want []float32
	}{{deep, []float32{1.0 / 65535, 1}}, {flat, []float32{0.2, 76.0 / 255}}} {
		have, err := DepthMap(tt.img)
		require.NoError(t, err)
		assert.Equal(t, tensor.Shape{1, 2}, have.Shape())
		assert.Equal(t, tt.want, have.Float32s())
	}
	_, err := DepthMap(nil)
	assert.EqualError(t, err, "diffusion: depth map: have no image")
	_, err = DepthMap(&image.Gray16{Rect: image.Rect(0, 0, 2, 2)})
	assert.ErrorContains(t, err, "diffusion: depth map: have a *image.Gray16")
}

// Each picture is what it is alone, and another depth map gives another.
func TestDepthImages(t *testing.T) {
	p, img, depth := load(t, "tiny-depth", nil), picture(t, "input.png"), depthGolden(t)
	run := func(depth *tensor.Dense, seed uint64, images int) []float32 {
		result, err := p.DepthToImage(t.Context(), prompt, img, depth, &Options{Steps: 3, Seed: seed, Images: images})
		require.NoError(t, err)
		return result.Latents.Float32s()
	}
	first := run(depth, 1, 1)
	assert.Equal(t, slices.Concat(first, run(depth, 2, 1)), run(depth, 1, 2))
	scaled := make([]float32, 64*64) // in another unit and shape
	for i, v := range depth.Float32s() {
		scaled[i] = 4 * v
	}
	assert.Equal(t, first, run(engine.Tensor(scaled, 64, 64), 1, 1))
	slices.Reverse(scaled)
	assert.NotEqual(t, first, run(engine.Tensor(scaled, 64, 64), 1, 1))
}

// The depth map counts towards the limit of memory.
func TestDepthNeed(t *testing.T) {
	p := load(t, "tiny-depth", nil)
	task := &depthToImage{imageToImage: imageToImage{images: []image.Image{picture(t, "input.png")}}, given: depthGolden(t)}
	r, err := p.newRun(t.Context(), task, prompt, quick(1))
	require.NoError(t, err)
	defer r.close()
	images, err := task.prepare(r)
	require.NoError(t, err)
	with, err := r.need(images)
	require.NoError(t, err)
	r.own = 0
	without, err := r.need(images)
	require.NoError(t, err)
	assert.EqualValues(t, collected*4*8*8, with.Small-without.Small)
}

func TestDepthMisuse(t *testing.T) {
	deep, img := load(t, "tiny-depth", nil), picture(t, "input.png")
	ramp := []float32{0, 1, 2, 3}
	with := func(i int, v float32) *tensor.Dense {
		x := slices.Clone(ramp)
		x[i] = v
		return engine.Tensor(x, 2, 2)
	}
	for _, tt := range []struct {
		depth *tensor.Dense
		want  string
	}{
		{nil, "diffusion: depth: have no depth map, want a tensor [H W]"},
		{new(tensor.Dense), "diffusion: depth: have shape [], want [H W], [1 H W] or [1 1 H W]"},
		{engine.Tensor(ramp, 4), "diffusion: depth: have shape [4]"},
		{engine.Tensor(ramp, 2, 2, 1), "diffusion: depth: have shape [2 2 1]"},
		{engine.Tensor(make([]float32, 1<<15+1), 1, 1<<15+1), "want sides of 1 to 32768"},
		{tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float64{0, 1, 2, 3})), "diffusion: depth: have a tensor of float64, want float32"},
		{with(2, float32(math.NaN())), "diffusion: depth: row 1: element 0 is NaN"},
		{with(1, float32(math.Inf(-1))), "diffusion: depth: row 0: element 1 is -Inf"},
		{engine.Tensor(make([]float32, 4), 2, 2), "diffusion: depth: have 0 everywhere"},
		{engine.Tensor([]float32{-math.MaxFloat32, math.MaxFloat32, 0, 0}, 2, 2), "want a map of different depths there"},
	} {
		_, err := deep.DepthToImage(t.Context(), prompt, img, tt.depth, quick(1))
		assert.ErrorContains(t, err, tt.want)
	}
	depth := engine.Tensor(ramp, 2, 2)
	for name, want := range map[string]string{
		"tiny-sd15":    "diffusion: the U-Net has 4 input channels (in_channels), want 5 for depth-to-image: this model is for text-to-image and image-to-image",
		"tiny-inpaint": "diffusion: the U-Net has 9 input channels (in_channels), want 5 for depth-to-image: this model is for inpainting",
	} {
		_, err := load(t, name, nil).DepthToImage(t.Context(), prompt, img, depth, quick(1))
		assert.EqualError(t, err, want)
	}
	_, err := deep.DepthToImage(t.Context(), prompt, nil, depth, quick(1))
	assert.ErrorContains(t, err, "diffusion: image: have no image")
	_, err = deep.DepthToImage(t.Context(), prompt, img, depth, &Options{KeepOutside: true})
	assert.EqualError(t, err, "diffusion: keep outside: have true, want false: depth-to-image has no mask")

	const is = "diffusion: the U-Net has 5 input channels (in_channels), want "
	_, err = deep.TextToImage(t.Context(), prompt, quick(1))
	assert.ErrorContains(t, err, is+"4 for text-to-image and image-to-image: this model is for depth-to-image")
	_, err = deep.ImageToImage(t.Context(), prompt, img, quick(1))
	assert.ErrorContains(t, err, is+"4 for")
	_, err = deep.Inpaint(t.Context(), prompt, img, img, quick(1))
	assert.ErrorContains(t, err, is+"4 for text-to-image and image-to-image, or 9 for inpainting: this model is for depth-to-image")
}

// The estimator of depth is left out, and the scheduler config is as its file says.
func TestDepthFolder(t *testing.T) {
	model := make(fstest.MapFS)
	for name, file := range golden.Model(t, "tiny-depth").(fstest.MapFS) {
		model[name] = file
	}
	const index, config = "model_index.json", "scheduler/scheduler_config.json"
	model[index] = setKeys(t, model, index, map[string]string{
		"depth_estimator":   `["transformers", "DPTForDepthEstimation"]`,
		"feature_extractor": `["transformers", "DPTImageProcessor"]`,
		"scheduler":         `["diffusers", "DDIMScheduler"]`,
	})
	model[config] = setKeys(t, model, config, map[string]string{"steps_offset": "0", "clip_sample": "true"})
	for _, name := range []string{"depth_estimator/config.json", "feature_extractor/preprocessor_config.json"} {
		model[name] = &fstest.MapFile{Data: []byte("{}")}
	}
	p := loadFolder(t, model, nil)
	assert.Equal(t, []string{
		`model_index.json: the part "depth_estimator", a DPTForDepthEstimation, was left out`,
		`model_index.json: the part "feature_extractor", a DPTImageProcessor, was left out`,
	}, p.Warnings)
	assert.Equal(t, 0, p.Scheduler.StepsOffset)
	assert.True(t, p.Scheduler.ClipSample)
}
