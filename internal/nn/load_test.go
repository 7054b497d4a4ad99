package nn

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
)

// formula is a checkpoint with one tensor, w, whose numbers are a function of their
// place.
type formula struct {
	shape   []int
	at      func(i int) float32
	read    int   // numbers asked for
	changed error // what Changed says
}

func (f *formula) Shape(name string) ([]int, bool) { return f.shape, name == "w" }
func (f *formula) Release(string)                  {}
func (f *formula) Changed() error                  { return f.changed }
func (f *formula) Close() error                    { return nil }
func (f *formula) Float32s(_ string, from int, dst []float32) error {
	f.read += len(dst)
	for i := range dst {
		dst[i] = f.at(from + i)
	}
	return nil
}

// load loads the tensor as the weight that ask makes of it. Its memory is valid as long
// as the weight is.
func (f *formula) load(ctx context.Context, format kernel.Format, ask func(p *Params) *Param) (*op.Weight, error) {
	eng, err := engine.New(&engine.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	p := NewParams("net", f, format)
	w := ask(p)
	if _, err := p.Load(ctx, "net", eng); err != nil {
		return nil, err
	}
	return w.value, nil
}

func wave(i int) float32 { return float32(math.Sin(float64(i))) }

// A weight that is loaded in several parts has the bytes of one packed at once.
func TestLoadInParts(t *testing.T) {
	const f32, f16, bf16, i8 = kernel.Float32, kernel.Float16, kernel.BFloat16, kernel.Int8
	tests := []struct {
		name    string
		shape   []int
		ask     func(p *Params) *Param
		formats []kernel.Format
	}{
		{"linear", []int{70, 20_000}, func(p *Params) *Param { return p.matrix("w", 70, 20_000) }, []kernel.Format{f32, f16, bf16, i8}},
		{"wide linear", []int{33, 40_000}, func(p *Params) *Param { return p.matrix("w", 33, 40_000) }, []kernel.Format{f32}},
		{"convolution", []int{100, 2000, 3, 3}, func(p *Params) *Param { return p.filter("w", 100, 2000, 3) }, []kernel.Format{f32, f16}},
		{"table", []int{3000, 501}, func(p *Params) *Param { return p.Table("w", 3000, 501) }, []kernel.Format{f32, f16}},
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
				f := &formula{shape: tt.shape, at: wave}
				weight, err := f.load(t.Context(), format, func(p *Params) *Param {
					w := tt.ask(p)
					w.format = format
					return w
				})
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
	ask := func(p *Params) *Param { return p.matrix("w", rows, in) }
	odd := func(v float32) *formula {
		return &formula{shape: []int{rows, in}, at: func(i int) float32 {
			if i == at {
				return v
			}
			return 1
		}}
	}
	_, err := odd(float32(math.NaN())).load(t.Context(), kernel.Float32, ask)
	assert.EqualError(t, err, "net: w: element 1900000 is NaN, want finite numbers")

	weight, err := odd(70_000).load(t.Context(), kernel.Float16, ask)
	require.NoError(t, err)
	assert.Equal(t, kernel.Float32, weight.Arg().Packed.Format, "beyond the range of float16")

	ctx, cancel := context.WithCancel(t.Context())
	f := odd(1)
	f.at = func(int) float32 { cancel(); return 1 }
	_, err = f.load(ctx, kernel.Float32, ask)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Less(t, f.read, rows*in, "stops after a part")

	f = odd(1)
	f.changed = errors.New("the file was changed")
	_, err = f.load(t.Context(), kernel.Float32, ask)
	assert.EqualError(t, err, "net: the file was changed")
}
