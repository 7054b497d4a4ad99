package diffusion

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/nn"
	"sdgo/safetensors"
	"sdgo/sampler"
	"sdgo/unet"
)

// runTolerance is of the latents of whole runs, relative to the largest value.
const runTolerance = 1e-4

// perturbedFile reads testdata/perturbed.safetensors, which perturbed.py made.
func perturbedFile(t *testing.T) func(name string) *tensor.Dense {
	file, err := safetensors.OpenFS(os.DirFS("testdata"), "perturbed.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return func(name string) *tensor.Dense {
		x, ok := file.Tensor(name)
		require.True(t, ok, name)
		v, err := x.Float32s()
		require.NoError(t, err)
		return engine.Tensor(v, x.Shape...)
	}
}

// perturbedRun is the options of the runs in that file.
func perturbedRun(read func(string) *tensor.Dense) *Options {
	return &Options{
		Cond: read("cond"), NegativeCond: read("uncond"), Latents: read("noise"),
		Steps: 4, Sampler: sampler.DDIM{}, Width: 64, Height: 64,
	}
}

// Runs guided away from a weaker U-Net end where those of diffusers' pipelines do, with and
// without classifier-free guidance and with a rescale around it.
func TestPerturbedGolden(t *testing.T) {
	read := perturbedFile(t)
	p := load(t, "tiny-sd15", nil)
	five := ClassifierFree{Scale: 5}
	for name, g := range map[string]Guider{
		"cfg":          five,
		"pag":          PerturbedAttention{Guider: five},
		"pag.decay":    PerturbedAttention{Guider: five, Scale: 4, Decay: 0.006, Layers: []string{"mid", "down.block_0"}},
		"pag.rescaled": Rescaled{Share: 0.6, Guider: &PerturbedAttention{Guider: five}},
		"pag.alone":    PerturbedAttention{Guider: Unguided{}, Scale: 2, Layers: []string{"up"}},
		"seg":          SmoothedEnergy{Guider: five},
		"seg.blurred":  SmoothedEnergy{Guider: five, Scale: 2.5, Blur: 1.5, Layers: []string{"attn1"}},
		"seg.alone":    SmoothedEnergy{Guider: Unguided{}, Blur: math.Inf(1)},
	} {
		t.Run(name, func(t *testing.T) {
			o := perturbedRun(read)
			o.Guider, o.Output = g, OutputLatent
			r, err := p.TextToImage(t.Context(), "", o)
			require.NoError(t, err)
			golden.Close(t, read(name).Float32s(), r.Latents.Float32s(), runTolerance, name)
		})
	}
}

// With circular padding and FreeU the latents are diffusers', and the picture is what its
// autoencoder makes of them then.
func TestSeamlessGolden(t *testing.T) {
	read := perturbedFile(t)
	p := load(t, "tiny-sd15", nil)
	o := perturbedRun(read)
	o.Guidance, o.Seamless, o.FreeU = 5, unet.Seamless{X: true, Y: true}, unet.FreeU{B1: 1.2, B2: 1.3, S1: 0.8, S2: 0.5}
	r, err := p.TextToImage(t.Context(), "", o)
	require.NoError(t, err)
	golden.Close(t, read("seamless").Float32s(), r.Latents.Float32s(), runTolerance, "latents")
	want := read("seamless.image").Float32s()
	const side = 64
	for i, v := range r.Images[0].Pix {
		if i%4 == 3 {
			continue
		}
		w := (float64(want[i%4*side*side+i/4])/2 + 0.5) * 255
		require.InDelta(t, min(max(w, 0), 255), float64(v), 0.55, "byte %d", i) // one rounding step
	}
}

// Windows of a seamless picture go over its edges, in both directions: moved latents give
// the picture moved as far.
func TestSeamlessWindows(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := quick(2)
	o.Sampler, o.Width, o.Height, o.Windows.Width, o.Output = sampler.DDIM{}, 128, 96, 64, OutputLatent
	o.Seamless, o.Latents = unet.Seamless{X: true, Y: true}, nn.Tensor(1, 4, 12, 16)
	x := o.Latents.Float32s()
	for i := range x {
		x[i] = float32(math.Sin(float64(i * i)))
	}
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	moved := window{top: 8, left: 12, h: 12, w: 16} // by two strides of four, and three
	o.Latents = nn.Tensor(1, 4, 12, 16)
	moved.crop(o.Latents.Float32s(), x, 12, 16)
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	there := make([]float32, len(x))
	moved.crop(there, want.Latents.Float32s(), 12, 16)
	golden.Close(t, there, got.Latents.Float32s(), runTolerance, "moved")
}
