//go:build gpu && cgo && linux

package cuda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/adapter"
	"sdgo/internal/cuda/sim"
	"sdgo/internal/golden"
	"sdgo/internal/model"
	"sdgo/safetensors"
	"sdgo/scheduler"
	"sdgo/unet"
)

// adapterFolder has a file of each kind of adapter, for the U-Net of tiny-sd15.
const adapterFolder = "../adapter/testdata"

// goldenLoRA is the file of an adapter that goldens were made with.
func goldenLoRA(t *testing.T, name string) fs.FS {
	return fstest.MapFS{name + ".safetensors": {Data: golden.File(t, "models/lora/"+name+".safetensors")}}
}

// adapterFiles are folders by the names of adapters in them.
func adapterFiles(t *testing.T) map[string]fs.FS {
	all, err := filepath.Glob(adapterFolder + "/*.safetensors")
	require.NoError(t, err)
	files := make(map[string]fs.FS)
	for _, f := range all {
		if name := strings.TrimSuffix(filepath.Base(f), ".safetensors"); !strings.HasSuffix(name, ".want") && !strings.HasSuffix(name, "-0.6") {
			files[name] = os.DirFS(adapterFolder)
		}
	}
	require.Len(t, files, 16)
	for _, name := range []string{"tiny-sd15-kohya", "tiny-sd15-peft", "tiny-sd15-diffusers-old"} {
		files[name] = goldenLoRA(t, name)
	}
	return files
}

// adapted is the prediction of a small U-Net with an adapter.
func (s small) adapted(ctx context.Context, a *adapter.Loaded, weight float64) ([]float32, error) {
	set := adapter.NewSet(adapter.UNet, []adapter.Wanted{{Loaded: a, Weight: func(string, string) float64 { return weight }}})
	return small{model.With(s.UNet, set.Adapted)}.predict(ctx)
}

func (s small) load(ctx context.Context, fsys fs.FS, name string) (*adapter.Loaded, error) {
	return adapter.Load(ctx, fsys, name+".safetensors", map[string]*model.Model{adapter.UNet: model.Of(s.UNet)})
}

// Every kind of adapter gives on a device what it gives on the processor, which other tests
// hold to the tools that write them, and makes a difference that is none of rounding.
func TestAdapterKinds(t *testing.T) {
	software(t)
	onCPU, err := loadSmall(t, nil)
	require.NoError(t, err)
	defer onCPU.Close()
	plain, err := onCPU.predict(t.Context())
	require.NoError(t, err)
	want := make(map[string][]float32)
	files := adapterFiles(t)
	for name, fsys := range files {
		a, err := onCPU.load(t.Context(), fsys, name)
		require.NoError(t, err, name)
		want[name], err = onCPU.adapted(t.Context(), a, 0.8)
		require.NoError(t, err, name)
		assert.Greater(t, largest(plain, want[name]), 100*networkTolerances["float32"], name)
		a.Close()
	}
	d := open(t)
	for precision, tolerance := range networkTolerances {
		before := []int{sim.Get("liveAllocations"), sim.Get("livePinned"), sim.Get("liveGraphs")}
		u, err := unet.LoadFSContext(in(t, d), golden.Model(t, "tiny-sd15"), "unet", &unet.LoadOptions{Precision: precision})
		require.NoError(t, err)
		for name, fsys := range files {
			t.Run(fmt.Sprint(precision, "/", name), func(t *testing.T) {
				a, err := small{u}.load(t.Context(), fsys, name)
				require.NoError(t, err)
				have, err := small{u}.adapted(t.Context(), a, 0.8)
				require.NoError(t, err, fault())
				compare(t, want[name], have, tolerance)
				a.Close()
			})
		}
		require.NoError(t, u.Close())
		assert.Equal(t, before, []int{sim.Get("liveAllocations"), sim.Get("livePinned"), sim.Get("liveGraphs")})
	}
}

// largest is the largest difference of two outputs, relative to the largest number.
func largest(a, b []float32) float64 {
	var diff, most float64
	for i := range a {
		diff, most = max(diff, math.Abs(float64(a[i]-b[i]))), max(most, math.Abs(float64(a[i])))
	}
	return diff / most
}

// Pictures with adapters in the U-Net and the text encoder are the reference's, within what
// the processor may differ by.
func TestAdapterGoldens(t *testing.T) {
	software(t)
	const tolerance = 1e-4 // of whole runs
	pipe, err := diffusion.LoadFS(golden.Model(t, "tiny-sd15"), &diffusion.LoadOptions{Device: diffusion.CUDA(0), Precision: diffusion.Float32})
	require.NoError(t, err)
	defer pipe.Close()
	for name, weight := range map[string]float64{"kohya_s": 0.7} {
		g := golden.Open(t, "pipelines/lora/"+name)
		var c struct {
			Scheduler struct {
				Class  string
				Config map[string]any
			}
			Model []string
			Call  struct {
				Prompt string
				Steps  int `json:"num_inference_steps"`
			}
			Seed uint64 `json:"generator_seed"`
		}
		g.Decode(&c)
		c.Scheduler.Config["_class_name"] = c.Scheduler.Class
		config, err := json.Marshal(c.Scheduler.Config)
		require.NoError(t, err)
		pipe.Scheduler, err = scheduler.ParseConfig(config)
		require.NoError(t, err)
		lora := strings.TrimPrefix(c.Model[1], "lora/")
		a, err := pipe.LoadAdapterFS(goldenLoRA(t, lora), lora+".safetensors")
		require.NoError(t, err)
		result, err := pipe.TextToImage(t.Context(), c.Call.Prompt, &diffusion.Options{
			Width: 64, Height: 64, Steps: c.Call.Steps, Guidance: 7.5, Seed: c.Seed, Adapters: []diffusion.Adapter{{Loaded: a, Weight: weight}},
		})
		require.NoError(t, err)
		golden.Close(t, g.Float32s("final_latents"), result.Latents.Float32s(), tolerance, name)
		a.Close()
	}
}

// Calls at once with different adapters, weights, blocks and steps give the bytes of each
// alone, and one without adapters those of before. Then all memory is given back.
func TestAdaptersAtOnce(t *testing.T) {
	software(t)
	before := held()
	pipe, err := diffusion.LoadFS(golden.Model(t, "tiny-sd15"), &diffusion.LoadOptions{Device: diffusion.CUDA(0)})
	require.NoError(t, err)
	load := func(fsys fs.FS, name string) *diffusion.LoadedAdapter {
		a, err := pipe.LoadAdapterFS(fsys, name+".safetensors")
		require.NoError(t, err)
		return a
	}
	kohya, again := load(goldenLoRA(t, "tiny-sd15-kohya"), "tiny-sd15-kohya"), load(goldenLoRA(t, "tiny-sd15-kohya"), "tiny-sd15-kohya")
	peft, dora := load(goldenLoRA(t, "tiny-sd15-peft"), "tiny-sd15-peft"), load(os.DirFS(adapterFolder), "lora-dora-out")
	early := func(step, steps int) float64 { return 1 - float64(step)/float64(steps) }
	one := func(a *diffusion.LoadedAdapter, weight float64) []diffusion.Adapter {
		return []diffusion.Adapter{{Loaded: a, Weight: weight}}
	}
	calls := [][]diffusion.Adapter{
		nil, one(kohya, 1), one(kohya, 0.5), one(peft, 1), append(one(peft, 1), one(dora, -0.5)...), one(kohya.Steps(early), 1),
		one(kohya.Blocks(map[string]float64{"mid_block": 0, "up_blocks": 2}), 1),
		one(again, 3), // of the structure of others, with a weight of its own
	}
	draw := func(adapters []diffusion.Adapter) string {
		r, err := pipe.TextToImage(t.Context(), "a", &diffusion.Options{Width: 16, Height: 16, Steps: 2, Seed: 5, Adapters: adapters})
		if !assert.NoError(t, err) {
			return ""
		}
		return fmt.Sprint(r.Images[0].Pix, r.Latents.Float32s())
	}
	alone := make([]string, len(calls))
	for i, c := range calls {
		alone[i] = draw(c)
		assert.Equal(t, i, slices.Index(alone, alone[i]), "another call has the same picture")
	}
	var wait sync.WaitGroup
	for i, c := range calls {
		wait.Go(func() { assert.Equal(t, alone[i], draw(c), "call %d", i) })
	}
	wait.Wait()
	for _, a := range []*diffusion.LoadedAdapter{kohya, again, peft, dora} {
		a.Close()
	}
	assert.Equal(t, alone[0], draw(nil))
	require.NoError(t, pipe.Close())
	assert.Equal(t, before, held())
}

// What fails while an adapter is loaded or bound is an error, nothing is left, and the next
// call is right. What float16 does not have is an error of the adapter.
func TestAdapterFaults(t *testing.T) {
	software(t)
	d := open(t)
	u, err := loadSmall(t, d)
	require.NoError(t, err)
	defer u.Close()
	files := goldenLoRA(t, "tiny-sd15-kohya")
	call := func() ([]float32, error) {
		a, err := u.load(t.Context(), files, "tiny-sd15-kohya")
		if err != nil {
			return nil, err
		}
		defer a.Close()
		return u.adapted(t.Context(), a, 1)
	}
	want, err := call()
	require.NoError(t, err)
	before := held()
	const invalid = 1 // an error that no room helps against
	for kind, step := range map[string]int{"failAlloc": 1, "failCopy": 17, "failLaunch": 41, "failSync": 17} {
		n := 0
		for ; ; n++ {
			sim.Set("failCode", invalid)
			sim.Set(kind, n*step)
			have, err := call()
			sim.Set(kind, -1)
			if err == nil {
				require.Equal(t, want, have)
				break
			}
			require.ErrorContains(t, err, "error 1: ", "%s %d", kind, n)
			have, err = call()
			require.NoError(t, err)
			require.Equal(t, want, have)
			require.Equal(t, before, held(), "%s %d", kind, n)
		}
		assert.Positive(t, n, kind)
	}

	half, err := unet.LoadFSContext(in(t, d), golden.Model(t, "tiny-sd15"), "unet", nil)
	require.NoError(t, err)
	defer half.Close()
	const module = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
	var file bytes.Buffer
	width := half.Config.BlockOutChannels[len(half.Config.BlockOutChannels)-1]
	x := make([]float32, width)
	x[3] = 1e5
	down, err := safetensors.NewFloat32(module+".lora_down.weight", []int{1, width}, x)
	require.NoError(t, err)
	up, err := safetensors.NewFloat32(module+".lora_up.weight", []int{width, 1}, x)
	require.NoError(t, err)
	require.NoError(t, safetensors.Write(&file, []safetensors.Tensor{down, up}, nil))
	_, err = small{half}.load(t.Context(), fstest.MapFS{"large.safetensors": {Data: file.Bytes()}}, "large")
	assert.ErrorContains(t, err, "have a number of magnitude 100000, beyond the range of float16: want precision bfloat16 or float32")
}
