package weights

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/safetensors/checkpoint"
)

// formula is a checkpoint with one tensor, w, whose numbers are a function of their
// place.
type formula struct {
	checkpoint.Source // of which loading needs no more
	shape             []int
	taps              int // of the weight that it becomes
	at                func(i int) float32
	read              int   // numbers asked for
	changed           error // what Changed says
}

func (f *formula) Release(string) {}
func (f *formula) Changed() error { return f.changed }
func (f *formula) Float32s(_ string, from int, dst []float32) error {
	f.read += len(dst)
	for i := range dst {
		dst[i] = f.at(from + i)
	}
	return nil
}

// param is the tensor as a weight that is packed, or with taps 0 a table.
func (f *formula) param(format kernel.Format) *Param {
	p := &Param{Key: "w", Shape: f.shape, Taps: f.taps, Format: format, Value: op.NewWeight(f.shape)}
	if f.taps > 0 {
		p.Out, p.In = f.shape[0], f.shape[1]
	}
	return p
}

// load loads the tensor. Its memory is valid as long as the weight is.
func (f *formula) load(ctx context.Context, format kernel.Format) (*op.Weight, error) {
	eng, err := engine.New(&engine.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	w := f.param(format)
	if _, err := Load(ctx, "net", f, []*Param{w}, eng, nil); err != nil {
		return nil, err
	}
	return w.Value, nil
}

func wave(i int) float32 { return float32(math.Sin(float64(i))) }

// A weight that is loaded in several parts has the bytes of one packed at once.
func TestLoadInParts(t *testing.T) {
	const f32, f16, bf16, i8 = kernel.Float32, kernel.Float16, kernel.BFloat16, kernel.Int8
	tests := []struct {
		name    string
		shape   []int
		taps    int
		formats []kernel.Format
	}{
		{"linear", []int{70, 20_000}, 1, []kernel.Format{f32, f16, bf16, i8}},
		{"wide linear", []int{33, 40_000}, 1, []kernel.Format{f32}},
		{"convolution", []int{100, 2000, 3, 3}, 9, []kernel.Format{f32, f16}},
		{"table", []int{3000, 501}, 0, []kernel.Format{f32, f16}},
	}
	for _, tt := range tests {
		for _, format := range tt.formats {
			t.Run(tt.name+" "+format.String(), func(t *testing.T) {
				total := 1
				for _, n := range tt.shape {
					total *= n
				}
				require.Greater(t, total, chunk, "several parts")
				numbers := make([]float32, total)
				for i := range numbers {
					numbers[i] = wave(i)
				}
				f := &formula{shape: tt.shape, taps: tt.taps, at: wave}
				weight, err := f.load(t.Context(), format)
				require.NoError(t, err)
				defer runtime.KeepAlive(weight)
				assert.Equal(t, total, f.read)
				got := weight.Arg()

				want := numbers
				have := got.Data
				switch {
				case tt.name != "table":
					out, in, k := tt.shape[0], tt.shape[1], 1
					if len(tt.shape) == 4 {
						k = tt.shape[2]
					}
					packed := kernel.PackConv(make([]float32, kernel.PackedLen(in*k*k, out, format)), numbers, out, in, k, k, format)
					want, have = packed.Data, got.Packed.Data
					packed.Data, got.Packed.Data = nil, nil
					assert.Equal(t, packed, got.Packed)
				case format == f16:
					want = make([]float32, kernel.TableLen(total, format))
					kernel.StoreTable(want, numbers, format)
				}
				require.Len(t, have, len(want))
				for i := range want {
					if math.Float32bits(have[i]) != math.Float32bits(want[i]) {
						t.Fatalf("number %d: have %x, want %x", i, math.Float32bits(have[i]), math.Float32bits(want[i]))
					}
				}
			})
		}
	}
}

// What is wrong beyond the first part is found, too.
func TestLoadLaterParts(t *testing.T) {
	const rows, in, at = 100, 20_000, 1_900_000
	odd := func(v float32) *formula {
		return &formula{shape: []int{rows, in}, taps: 1, at: func(i int) float32 {
			if i == at {
				return v
			}
			return 1
		}}
	}
	_, err := odd(float32(math.NaN())).load(t.Context(), kernel.Float32)
	assert.EqualError(t, err, "net: w: element 1900000 is NaN, want finite numbers")

	weight, err := odd(70_000).load(t.Context(), kernel.Float16)
	require.NoError(t, err)
	assert.Equal(t, kernel.Float32, weight.Arg().Packed.Format, "beyond the range of float16")

	ctx, cancel := context.WithCancel(t.Context())
	f := odd(1)
	f.at = func(int) float32 { cancel(); return 1 }
	_, err = f.load(ctx, kernel.Float32)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Less(t, f.read, rows*in, "stops after a part")

	f = odd(1)
	f.changed = errors.New("the file was changed")
	_, err = f.load(t.Context(), kernel.Float32)
	assert.EqualError(t, err, "net: the file was changed")
}

func TestNotFinite(t *testing.T) {
	x := make([]float32, 3000)
	for i := range x {
		x[i] = float32(i) - 1500
	}
	x[7] = math.MaxFloat32
	assert.Equal(t, -1, notFinite(x))
	assert.Equal(t, -1, notFinite(nil))
	for _, at := range []int{0, 1023, 1024, 2999} {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			keep := x[at]
			x[at] = float32(bad)
			assert.Equal(t, at, notFinite(x))
			x[at] = keep
		}
	}
}
