package apitest

import (
	"archive/zip"
	"context"
	"image"
	"image/color"
	"io"
	"io/fs"
	"math"
	"reflect"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/diffusion"
	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
	"sdgo/sampler"
	"sdgo/scheduler"
	"sdgo/unet"
)

// values makes arguments: by type, zero first, then what is odd, and last what is good.
type values struct {
	own map[reflect.Type][]any // beside those of the kind
}

// newValues makes a model of each kind, one that is closed, and what else callers
// hold. They live as long as the test. In one piece: a list.
func newValues(t *testing.T) *values {
	v := &values{own: map[reflect.Type][]any{}}
	open, closed := v.pipeline(t), v.pipeline(t)
	require.NoError(t, closed.Close())
	for _, p := range []*diffusion.Pipeline{closed, open} {
		add(v, p)
		add(v, p.UNet)
		add(v, p.VAE)
		add(v, p.TextEncoder)
		add(v, p.Tokenizer)
		add(v, p.Scheduler)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	add[context.Context](v, cancelled, t.Context())
	add[fs.FS](v, (*zip.Reader)(nil), fstest.MapFS{}, golden.Model(t, "tiny-sd15"))
	add[io.Writer](v, io.Discard)
	add[io.Reader](v, eof{})
	add[image.Image](v, (*image.NRGBA)(nil), &image.NRGBA{Rect: image.Rect(0, 0, 9, 9)}, image.NewUniform(color.White), image.NewNRGBA(image.Rect(0, 0, 64, 64)))
	add(v, diffusion.Options{Steps: 1, Width: 64, Height: 64, Sampler: sampler.Euler{}})
	add(v, &diffusion.Options{Steps: 1, Width: 64, Height: 64, Sampler: sampler.Euler{}})

	v.models(t, open)
	v.vision(t, open)
	v.controls(t, open)
	v.checkpoints(t)
	v.sampling(t, open.Scheduler)
	v.files(t)
	return v
}

// models adds what the models take and give.
func (v *values) models(t *testing.T, open *diffusion.Pipeline) {
	g, other := G.NewGraph(), G.NewGraph()
	add(v, g)
	add(v, &G.Node{}, G.NewScalar(g, G.Float64), G.NewTensor(other, G.Float32, 4, G.WithShape(1, 4, 8, 8)), G.NewTensor(g, G.Float32, 4, G.WithShape(1, 4, 8, 8)))
	latents, cond := dense(1, 4, 8, 8), dense(1, 77, open.TextEncoder.Config.HiddenSize)
	add(v, tensor.New(tensor.FromScalar(float32(1))), tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(1, 4, 8, 8)), dense(1, 3, 64, 64), latents)
	add(v, unet.Input{Latents: latents, Timesteps: []float64{1}, Cond: unet.Text(cond)})
	split, err := open.UNet.Split(1, 1, 8, 8, 77)
	require.NoError(t, err)
	t.Cleanup(split.Close)
	add(v, split)
	posterior, err := open.VAE.Encode(t.Context(), dense(1, 3, 64, 64))
	require.NoError(t, err)
	add(v, posterior)
	plan, err := open.Plan(nil)
	require.NoError(t, err)
	add(v, plan)
	add(v, diffusion.Cond, diffusion.Uncond)
	add[diffusion.Guider](v, diffusion.ClassifierFree{}, diffusion.LimitedInterval{Guider: diffusion.Rescaled{}}, diffusion.ZeroStar{ZeroSteps: 1},
		diffusion.Thresholded{Guider: diffusion.Scheduled{Guider: diffusion.Projected{Momentum: -0.5}, Scale: diffusion.ScaleList{2, 3}}})
	add[diffusion.ScaledGuider](v, diffusion.Projected{})
	add[diffusion.ScaleSchedule](v, diffusion.LinearScale{First: 1, Last: 2}, diffusion.CosineScale{}, diffusion.ScaleList{})
	var kept keeping
	_, err = open.TextToImage(t.Context(), "", &diffusion.Options{Steps: 1, Width: 64, Height: 64, Sampler: sampler.Euler{}, Guider: &kept})
	require.NoError(t, err)
	add(v, kept.Predictions)
}

// checkpoints adds checkpoints of every kind, and none.
func (v *values) checkpoints(t *testing.T) {
	weights, err := unet.Open(t.Context(), golden.Model(t, "tiny-sd15"), "unet", "")
	require.NoError(t, err)
	inMemory, err := checkpoint.New([]byte("{}"), map[string]*tensor.Dense{"x": dense(2, 3)})
	require.NoError(t, err)
	add(v, inMemory)
	add(v, checkpoint.NewOverlay(nil), checkpoint.NewOverlay(inMemory))
	add[checkpoint.Source](v, (*checkpoint.Overlay)(nil), (*checkpoint.Memory)(nil), checkpoint.NewOverlay(nil), inMemory, weights)
}

// sampling adds what samplers take, and lists of numbers.
func (v *values) sampling(t *testing.T, config *scheduler.Config) {
	schedule, err := config.Schedule(3)
	require.NoError(t, err)
	add(v, schedule)
	add(v, schedule.Solver)
	add(v, sampler.Solver(schedule.Solver))
	add[sampler.Sampler](v, (*sampler.Euler)(nil), sampler.Euler{})
	identity := func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
		return sampler.Estimate{Denoised: x}, nil
	}
	add[sampler.Denoiser](v, func(context.Context, []float32, float64) (sampler.Estimate, error) { return sampler.Estimate{}, nil }, identity)
	add[sampler.Noise](v, func(dst []float32) { clear(dst) })
	add(v, &sampler.Run{Sampler: sampler.Euler{}, Denoise: identity, Sigmas: []float64{9, 1, 0}, X: []float32{1, 2}})
	add(v, []float64{-1}, []float64{math.NaN(), 1}, []float64{1, 9}, []float64{9, 1, 0})
	add(v, []float32{float32(math.NaN())}, make([]float32, 1<<10))
	add(v, []byte("x"), []byte("{}"), []byte("null"), []byte("[]"))
	add(v, [][]int{{}}, [][]int{{-1}}, [][]int{{1}, {1, 2}}, [][]int{{1, 2, 3}})
}

// files adds a tensor, and files with it of which the first is closed.
func (v *values) files(t *testing.T) {
	x, err := safetensors.NewFloat32("x", []int{2}, []float32{1, 2})
	require.NoError(t, err)
	add(v, x)
	name := t.TempDir() + "/x.safetensors"
	require.NoError(t, safetensors.WriteFile(name, []safetensors.Tensor{x}, nil))
	for range 2 {
		file, err := safetensors.Open(name)
		require.NoError(t, err)
		if len(v.own[reflect.TypeFor[*safetensors.File]()]) == 0 {
			require.NoError(t, file.Close())
		}
		t.Cleanup(func() { file.Close() })
		add(v, file)
	}
}

func (v *values) pipeline(t *testing.T) *diffusion.Pipeline {
	p, err := diffusion.LoadFS(golden.Model(t, "tiny-sd15"), nil)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// keeping is a Guider that keeps what it is given.
type keeping struct {
	diffusion.ClassifierFree
	*diffusion.Predictions
}

func (k *keeping) Guide(ctx context.Context, p *diffusion.Predictions) (sampler.Estimate, error) {
	k.Predictions = p
	return k.ClassifierFree.Guide(ctx, p)
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

func dense(shape ...int) *tensor.Dense {
	return tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
}

func add[T any](v *values, more ...T) {
	t := reflect.TypeFor[T]()
	for _, x := range more {
		v.own[t] = append(v.own[t], x)
	}
}

// of returns the values of a type.
func (v *values) of(t reflect.Type) []reflect.Value {
	list := []reflect.Value{reflect.Zero(t)}
	list = append(list, v.odd(t)...)
	for _, x := range v.own[t] {
		list = append(list, reflect.ValueOf(x))
	}
	return list
}

// odd returns values of the kind of a type.
func (v *values) odd(t reflect.Type) (list []reflect.Value) {
	set := func(values ...any) {
		for _, x := range values {
			list = append(list, reflect.ValueOf(x).Convert(t))
		}
	}
	switch t.Kind() {
	case reflect.Bool:
		set(true)
	case reflect.Int, reflect.Int64:
		set(-1, math.MinInt, math.MaxInt, 1<<40, 1<<16, 7, 1, 8)
	case reflect.Int32, reflect.Int16, reflect.Int8:
		set(-1, 1)
	case reflect.Uint, reflect.Uint64:
		set(uint64(math.MaxUint64), uint64(1))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		set(255, 1)
	case reflect.Float32, reflect.Float64:
		set(math.NaN(), math.Inf(1), math.Inf(-1), -1.0, math.MaxFloat64, 1e-320, 1.0)
	case reflect.String:
		set("\x00", "../x", "\xff", "x")
	case reflect.Slice:
		list = append(list, reflect.MakeSlice(t, 0, 0), reflect.MakeSlice(t, 1, 1), reflect.MakeSlice(t, 3, 3))
	case reflect.Map:
		list = append(list, reflect.MakeMap(t))
	case reflect.Pointer:
		list = append(list, reflect.New(t.Elem()))
	case reflect.Struct:
		list = append(list, v.fields(t)...)
	case reflect.Func:
		list = append(list, reflect.MakeFunc(t, func([]reflect.Value) (out []reflect.Value) {
			for i := range t.NumOut() {
				out = append(out, reflect.Zero(t.Out(i)))
			}
			return out
		}))
	}
	return list
}

// fields returns structs with one field that is odd.
func (v *values) fields(t reflect.Type) (list []reflect.Value) {
	for i := range t.NumField() {
		switch f := t.Field(i); f.Type.Kind() {
		case reflect.Struct, reflect.Pointer, reflect.Interface, reflect.Map:
		default:
			if !f.IsExported() {
				continue
			}
			for _, x := range v.odd(f.Type) {
				s := reflect.New(t).Elem()
				s.Field(i).Set(x)
				list = append(list, s)
			}
		}
	}
	return list
}
