//go:build gpu && cgo && linux

package cuda_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/clip"
	"sdgo/diffusion"
	"sdgo/internal/cuda"
	"sdgo/internal/cuda/sim"
	"sdgo/internal/device"
	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/unet"
)

// software skips what a real driver cannot do, and sets the software driver back at the end.
func software(t *testing.T) {
	if !simulated {
		t.Skip("this is about the software driver")
	}
	restart()
	t.Cleanup(sim.Reset)
}

// restart is as a new process; checks, which other tests make, are left out.
func restart() {
	sim.Reset()
	sim.Set("quiet", 1)
	sim.Set("check", 0)
}

// held is what a program has of a device.
func held() map[string]int {
	c := map[string]int{}
	for _, name := range []string{"liveBytes", "liveAllocations", "livePinned", "liveContexts", "liveStreams", "liveEvents", "liveGraphs"} {
		c[name] = sim.Get(name)
	}
	return c
}

// small is a U-Net, for one small call.
type small struct{ *unet.UNet }

func loadSmall(t *testing.T, d device.Device) (small, error) {
	u, err := unet.LoadFSContext(in(t, d), golden.Model(t, "tiny-sd15"), "unet", &unet.LoadOptions{Precision: "float32"})
	return small{u}, err
}

func (s small) predict(ctx context.Context) ([]float32, error) {
	out, err := s.Predict(ctx, unet.Input{Latents: normal(1, 1, 4, 4, 4), Timesteps: []float64{501}, Cond: unet.Text(normal(2, 1, 3, s.Config.CrossAttentionDim.At(0)))})
	if err != nil {
		return nil, err
	}
	return out.Float32s(), nil
}

// whole loads a text encoder, calls it and closes it.
func whole(t *testing.T, d device.Device) ([]float32, error) {
	e, err := clip.LoadTextEncoderFSContext(in(t, d), golden.Model(t, "tiny-sd15"), "text_encoder", &clip.LoadOptions{Precision: "float32"})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	out, err := e.Encode(t.Context(), [][]int{make([]int, e.Config.MaxPositions)}, 0)
	if err != nil {
		return nil, err
	}
	return out.Tokens.Float32s(), nil
}

// Every allocation, copy, launch, graph and wait of a text encoder's loading and call may fail:
// an error each, nothing is left, and the next call on the device is right.
func TestInjectedFaults(t *testing.T) {
	software(t)
	d := open(t)
	want, err := whole(t, d)
	require.NoError(t, err)
	before := held()
	for _, kind := range []string{"failAlloc", "failPinned", "failCopy", "failLaunch", "failLoad", "failSync"} {
		n := 0
		for ; ; n++ {
			sim.Set("failCode", 2)
			sim.Set(kind, n)
			have, err := whole(t, d)
			sim.Set(kind, -1)
			require.Equal(t, before, held(), "%s %d", kind, n)
			if err == nil {
				require.Equal(t, want, have)
				break
			}
			require.ErrorContains(t, err, "error 2: out of memory", "%s %d", kind, n)
		}
		assert.Positive(t, n, kind)
	}
}

// A device that is lost at any moment is an error that says so, as opening another one
// then is; the processor goes on, and closing gives all back.
func TestLostDevice(t *testing.T) {
	software(t)
	onCPU, err := loadSmall(t, nil)
	require.NoError(t, err)
	defer onCPU.Close()
	want, err := onCPU.predict(t.Context())
	require.NoError(t, err)
	before := held()
	for _, at := range []struct {
		kind string
		n    int
	}{{"failAlloc", 0}, {"failAlloc", 1}, {"failPinned", 1}, {"failCopy", 3}, {"failLaunch", 0}, {"failLaunch", 9}, {"failLoad", 0}, {"failLoad", 5}, {"failSync", 3}} {
		restart()
		sim.Set("failCode", 719)
		sim.Set(at.kind, at.n)
		d, err := cuda.Open(0)
		if err == nil {
			var s small
			if s, err = loadSmall(t, d); err == nil {
				_, err = s.predict(t.Context())
				assert.NoError(t, s.Close())
			}
			_, later := d.Alloc(64)
			assert.ErrorIs(t, later, cuda.ErrLost, at)
			d.Close()
		}
		assert.ErrorIs(t, err, cuda.ErrLost, at)
		_, err = cuda.Open(0)
		assert.ErrorIs(t, err, cuda.ErrLost, at)
		assert.Equal(t, before, held(), at)
		have, err := onCPU.predict(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, have)
	}
}

// cancels is how many runs are cancelled, each at a random moment.
const cancels = 1000

// A run that is cancelled at any moment is an error or complete, and the next one is as
// if it had not been. (A hundred launches, in segments that can be left between.)
func TestCancelAtRandom(t *testing.T) {
	software(t)
	d := open(t)
	cuda.SetSegmentTime(d, time.Microsecond) // each launch is a segment
	p, err := d.Alloc(1 << 10)
	require.NoError(t, err)
	const doublings = 100
	target, out := d.Target(device.F32), p+512
	launches := device.Add(target, out, p, p, 3)
	for range doublings - 1 {
		launches = append(launches, device.Add(target, out, out, out, 3)...)
	}
	s, err := d.Prepare([]device.Span{{Ptr: p, N: 3}}, []device.Span{{Ptr: out, N: 3}}, launches)
	require.NoError(t, err)
	want := []float32{0x1p100, 0x1.4p101, -0x1.8p101}
	copy(s.Input(0), []float32{1, 2.5, -3})
	run := func(ctx context.Context) error {
		clear(s.Output(0))
		err := s.Run(ctx)
		if err == nil {
			require.Equal(t, want, s.Output(0))
		}
		return err
	}
	require.NoError(t, run(t.Context()))
	before, start := held(), time.Now()
	require.NoError(t, run(t.Context()))
	took := time.Since(start)
	rng := rand.New(rand.NewPCG(1, 1))
	var cancelled int
	for range cancels {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.Int64N(int64(took))))
		if err := run(ctx); err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancelled++
		}
		cancel()
	}
	require.NoError(t, run(t.Context()))
	assert.Equal(t, before, held())
	assert.Greater(t, cancelled, cancels/10)
	require.NoError(t, s.Close())
}

// Nothing crosses the bus in a network's call but its inputs and its output, and a device that is
// closed has given back all.
func TestBus(t *testing.T) {
	software(t)
	before := held()
	d, err := cuda.Open(0)
	require.NoError(t, err)
	s, err := loadSmall(t, d)
	require.NoError(t, err)
	for range 2 { // the first makes the plan
		up, down := sim.Get("toDevice"), sim.Get("toHost")
		_, err = s.predict(t.Context())
		require.NoError(t, err)
		latents, timestep := 4*4*4, 1+s.Config.BlockOutChannels[0] // and its sines and cosines, which the processor computes
		assert.Equal(t, 4*(latents+timestep+3*s.Config.CrossAttentionDim.At(0)), sim.Get("toDevice")-up, "to the device")
		assert.Equal(t, 4*latents, sim.Get("toHost")-down, "to the host")
	}
	require.NoError(t, s.Close())
	require.NoError(t, d.Close())
	assert.Equal(t, before, held())
	assert.Zero(t, sim.Get("liveModules"), fmt.Sprint(held()))
}

// Nothing crosses the bus in a picture but the inputs and outputs of the networks, and a
// pipeline that is closed has given back all.
func TestBusOfPicture(t *testing.T) {
	software(t)
	before := held()
	pipe, err := diffusion.LoadFS(golden.Model(t, "tiny-sd15"), &diffusion.LoadOptions{Device: diffusion.CUDA(0)})
	require.NoError(t, err)
	const steps, texts, size = 2, 2, 16
	tokens, width, factor := pipe.Tokenizer.MaxLength, pipe.TextEncoder.Config.HiddenSize, pipe.VAE.Config.Factor()
	latents := pipe.VAE.Config.LatentChannels * (size / factor) * (size / factor)
	timestep := 1 + pipe.UNet.Config.BlockOutChannels[0] // and its sines and cosines
	for _, call := range []struct {
		prompt, negative string
		encoded          int
	}{
		{"a", "b", texts}, // makes the plans
		{"c", "d", texts},
		{"c", "d", 0}, // known texts are not encoded again
	} {
		up, down, on := sim.Get("toDevice"), sim.Get("toHost"), sim.Get("onDevice")
		_, err = pipe.TextToImage(t.Context(), call.prompt, &diffusion.Options{NegativePrompt: call.negative, Width: size, Height: size, Steps: steps, Sampler: sampler.Euler{}})
		require.NoError(t, err)
		encoder := call.encoded * (tokens + 1) // and the row of each text's end
		assert.Equal(t, 4*(encoder+steps*texts*(latents+timestep+tokens*width)+latents), sim.Get("toDevice")-up, "to the device")
		assert.Equal(t, 4*(call.encoded*(tokens+1)*width+steps*texts*latents+3*size*size), sim.Get("toHost")-down, "to the host")
		assert.Equal(t, on, sim.Get("onDevice"))
	}
	require.NoError(t, pipe.Close())
	assert.Equal(t, before, held())
	assert.Zero(t, sim.Get("liveModules"))
}
