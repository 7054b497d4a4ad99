package diffusion

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// every is a list of a number for each layer of each level.
func every(layers int, levels ...int) [][]int {
	all := make([][]int, len(levels))
	for i, n := range levels {
		for range layers {
			all[i] = append(all[i], n)
		}
	}
	return all
}

// size1 is the U-Net of Stable Diffusion 1.
func size1(in int) golden.UNetSize {
	return golden.UNetSize{In: in, Channels: 320, Context: 768, Mult: []int{1, 2, 4, 4}, Down: every(2, 1, 1, 1, 0), Up: every(3, 1, 1, 1, 0), Middle: 1}
}

// sizeXL is the U-Net of Stable Diffusion XL.
func sizeXL() golden.UNetSize {
	return golden.UNetSize{
		In: 4, Channels: 320, Context: 2048, Label: 2816, Linear: true,
		Mult: []int{1, 2, 4}, Down: every(2, 0, 2, 10), Up: every(3, 0, 2, 10), Middle: 10,
	}
}

// full are published models at full size: what they are, and the numbers of their U-Net
// and text encoders in all, where they were published.
func full() map[string]struct {
	make    func(f *golden.FullSize)
	want    Identity
	numbers map[string]int64
} {
	const eps1, epsXL = "what published models of Stable Diffusion 1 predict", "what published models of Stable Diffusion XL predict"
	small := func(down, up [][]int, middle int) func(f *golden.FullSize) {
		return func(f *golden.FullSize) {
			u := sizeXL()
			u.Down, u.Up, u.Middle = down, up, middle
			f.UNet(u)
			f.CLIP("conditioner.embedders.0.transformer.")
			f.OpenCLIP("conditioner.embedders.1.model.", 1280, 32)
		}
	}
	sd1 := func(u golden.UNetSize) func(f *golden.FullSize) {
		return func(f *golden.FullSize) {
			f.UNet(u)
			f.CLIP("cond_stage_model.transformer.")
			f.Schedule()
		}
	}
	lcm := size1(4)
	lcm.TimeCond = 256
	sd2 := size1(4)
	sd2.Context, sd2.Linear = 1024, true
	refiner := golden.UNetSize{
		In: 4, Channels: 384, Context: 1280, Label: 2560, Linear: true,
		Mult: []int{1, 2, 4, 4}, Down: every(2, 0, 4, 4, 0), Up: every(3, 0, 4, 4, 0), Middle: 4,
	}
	return map[string]struct {
		make    func(f *golden.FullSize)
		want    Identity
		numbers map[string]int64
	}{
		"sd15":     {sd1(size1(4)), Identity{"sd1", "", "", "Stable Diffusion 1", epsilon, eps1}, map[string]int64{"unet": 859520964, "vae": 83653863, "text_encoder": 123060480}},
		"sd15-inp": {sd1(size1(9)), Identity{"sd1", "inpainting", "", "Stable Diffusion 1 (inpainting)", epsilon, eps1}, nil},
		"lcm":      {sd1(lcm), Identity{"sd1", "", "lcm", "Stable Diffusion 1 (lcm)", epsilon, eps1}, nil},
		"sd21": {func(f *golden.FullSize) {
			f.UNet(sd2)
			f.OpenCLIP("cond_stage_model.model.", 1024, 24)
			f.Schedule()
		}, Identity{"sd2", "", "", "Stable Diffusion 2", "", probeLater}, map[string]int64{"unet": 865910724, "text_encoder": 340387840}},
		"sdxl": {small(sizeXL().Down, sizeXL().Up, 10), Identity{"sdxl", "", "", "Stable Diffusion XL", epsilon, epsXL}, map[string]int64{"unet": 2567463684, "text_encoder_2": 694659840}},
		"ssd-1b": {small([][]int{{0, 0}, {2, 2}, {4, 4}}, [][]int{{0, 0, 0}, {2, 1, 1}, {4, 4, 10}}, -1),
			Identity{"sdxl", "", "ssd-1b", "Stable Diffusion XL (ssd-1b)", epsilon, epsXL}, nil},
		"vega": {small(every(2, 0, 1, 2), every(3, 0, 1, 2), -1),
			Identity{"sdxl", "", "vega", "Stable Diffusion XL (vega)", epsilon, epsXL}, nil},
		"refiner": {func(f *golden.FullSize) {
			f.UNet(refiner)
			f.OpenCLIP("conditioner.embedders.0.model.", 1280, 32)
		}, Identity{"sdxl-refiner", "", "", "the refiner of Stable Diffusion XL", epsilon, "what published models of the refiner of Stable Diffusion XL predict"}, nil},
	}
}

// Models of full size are told by their headers, of which every tensor has a place. There
// are no numbers in the files.
func TestFullSize(t *testing.T) {
	for name, tt := range full() {
		t.Run(name, func(t *testing.T) {
			f := golden.NewFullSize()
			tt.make(f)
			f.VAE()
			r, err := Inspect(f.Write(t, name))
			require.NoError(t, err)
			assert.Equal(t, tt.want, r.Identity)
			assert.Empty(t, r.Problems)
			assert.Empty(t, r.Missing)
			assert.Empty(t, r.Warnings)
			if tt.want.Variant == "lcm" {
				assert.Equal(t, 4, r.Defaults.Steps)
			} else {
				assert.Equal(t, 50, r.Defaults.Steps)
			}
			assert.Zero(t, r.Count(Unused))
			assert.Zero(t, r.Count(Refused))
			for _, p := range r.Parts {
				if want := tt.numbers[p.Name]; want > 0 {
					assert.Equal(t, want, p.Parameters, p.Name)
				}
			}
		})
	}
}

// A whole file of 7 GB takes some megabytes to inspect.
func TestFullSizeMemory(t *testing.T) {
	f := golden.NewFullSize()
	full()["sdxl"].make(f)
	f.VAE()
	path := f.Write(t, "sdxl")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := Inspect(path)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	assert.Greater(t, r.Bytes(), int64(6<<30))
	const most = 64 << 20
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most))
}

// BenchmarkInspect is how long it takes to tell models of full size.
func BenchmarkInspect(b *testing.B) {
	for name, tt := range full() {
		f := golden.NewFullSize()
		tt.make(f)
		f.VAE()
		path := f.Write(b, name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := Inspect(path)
				require.NoError(b, err)
			}
		})
	}
}
