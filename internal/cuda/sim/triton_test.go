//go:build gpu && cgo && linux

package sim_test

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A format is a 16-bit number format; error is what rounding to it may change, relative.
type format struct {
	from  func(uint16) float64
	to    func(float64) uint16
	error float64
}

var formats = map[string]format{
	"bf16": {
		func(h uint16) float64 { return float64(math.Float32frombits(uint32(h) << 16)) },
		func(x float64) uint16 {
			b := math.Float32bits(float32(x))
			return uint16((b + 0x7fff + b>>16&1) >> 16)
		}, 0x1p-8},
	"fp16": { // normal numbers
		func(h uint16) float64 {
			return math.Copysign(math.Ldexp(1+float64(h&1023)/1024, int(h>>10&31)-15), 1-2*float64(h>>15))
		},
		func(x float64) uint16 {
			b := math.Float32bits(float32(x))
			return uint16(b>>16&0x8000) | uint16((b&0x7fffffff-112<<23+0xfff+b>>13&1)>>13)
		}, 0x1p-11},
}

// drawn is n numbers of N(0, 1), none so small that it is subnormal.
func (f format) drawn(n int) []uint16 {
	x := make([]uint16, n)
	for i := range x {
		for v := 0.0; math.Abs(v) < 0x1p-10; x[i] = f.to(v) {
			v = random.NormFloat64()
		}
	}
	return x
}

// random is set anew at the beginning of each test of a kernel.
var random *rand.Rand

func seeded() { random = rand.New(rand.NewPCG(1, 2)) }

// digests are of the results on the software driver, which are the same bytes on every
// processor and with every compiler.
var digests = map[string]uint64{
	"triton_matmul_bf16_64x64":      0x44f0a60c09197a65,
	"triton_matmul_fp16_64x64":      0x951b8792801426cc,
	"triton_matmul_fp16_64x32_sm75": 0xd25ab6afca391de2,
	"triton_matmul_bf16_32x64_odd":  0xfc8110aa57be0e4a,
	"triton_flash_bf16_64":          0x28a6544f45a8df6a,
	"triton_flash_fp16_32":          0x9771daa9f6902042,
	"triton_softmax_bf16":           0x5fcae366a584bfa3,
}

func digest(x []uint16) uint64 {
	h := fnv.New64a()
	binary.Write(h, binary.LittleEndian, x)
	return h.Sum64()
}

// sharedOf is what the first line of the PTX says of shared memory and warps.
func sharedOf(t *testing.T, ptx string) (threads, shared int) {
	line, _, _ := strings.Cut(ptx, "\n")
	var warps int
	_, err := fmt.Sscanf(line[strings.LastIndex(line, "}")+1:], ", %d warps, %d bytes of shared memory", &warps, &shared)
	require.NoError(t, err)
	return 32 * warps, shared
}

// ways to run that must not change a byte, and then those that may change the last bits.
var ways = []struct {
	name    string
	options []any
	exact   bool
}{
	{"as it is", nil, true},
	{"reversed", []any{"order", 1}, true},
	{"shuffled, no sharing", []any{"order", 77, "sharing", 0}, true},
	{"unchecked, one thread", []any{"check", 0, "threads", 1}, true},
	{"perturbed, truncated", []any{"perturb", 5, "truncate", 1}, false},
}

// everyWay runs a kernel in all ways and compares each result with what is wanted, to
// the rounding of the output and of what is in between; all but the last are the same.
func everyWay(t *testing.T, name string, run func(m *machine) []uint16, f format, want func(i int) float64) {
	var first []uint16
	for _, way := range ways {
		out := run(newMachine(t, way.options...))
		if first == nil {
			first = out
			if !real {
				assert.Equal(t, digests[name], digest(out), "%s: %#x", name, digest(out))
			}
		}
		if way.exact {
			require.Equal(t, first, out, way.name)
		}
		var worst, most float64
		for i := range out {
			w := want(i)
			worst, most = max(worst, math.Abs(f.from(out[i])-w)), max(most, math.Abs(w))
		}
		assert.Less(t, worst/most, f.error, way.name)
	}
}

// What Triton compiles, which runs right on GPUs, runs right here: so layouts of fragments
// are read as they are meant. Shapes have tails in all directions.
func TestTritonMatmul(t *testing.T) {
	for _, k := range []struct {
		name, format        string
		bm, bn, M, N, K, sm int
	}{
		{"triton_matmul_bf16_64x64", "bf16", 64, 64, 96, 80, 112, 80},
		{"triton_matmul_fp16_64x64", "fp16", 64, 64, 64, 144, 64, 80},
		{"triton_matmul_fp16_64x32_sm75", "fp16", 64, 32, 80, 48, 48, 75},
		{"triton_matmul_bf16_32x64_odd", "bf16", 32, 64, 45, 67, 37, 80},
	} {
		t.Run(k.name, func(t *testing.T) {
			seeded()
			f, ptx := formats[k.format], unzipped(t, k.name+".ptx")
			threads, shared := sharedOf(t, ptx)
			a, b := f.drawn(k.M*k.K), f.drawn(k.N*k.K)
			everyWay(t, k.name, func(m *machine) []uint16 {
				c := m.empty(2 * k.M * k.N)
				g := grid{(k.N + k.bn - 1) / k.bn, (k.M + k.bm - 1) / k.bm, 1, threads, shared}
				m.must(m.function(ptx, "matmul"), g, upload(m, a), upload(m, b), c, k.M, k.N, k.K, uint64(0), uint64(0))
				return download[uint16](m, c, k.M*k.N)
			}, f, func(i int) (sum float64) {
				for l := range k.K {
					sum += f.from(a[i/k.N*k.K+l]) * f.from(b[i%k.N*k.K+l])
				}
				return sum
			})
		})
	}
}

func TestTritonAttention(t *testing.T) {
	const T, S = 75, 50
	for _, k := range []struct {
		name, format string
		D            int
	}{{"triton_flash_bf16_64", "bf16", 64}, {"triton_flash_fp16_32", "fp16", 32}} {
		t.Run(k.name, func(t *testing.T) {
			seeded()
			f, ptx, D := formats[k.format], unzipped(t, k.name+".ptx"), k.D
			threads, shared := sharedOf(t, ptx)
			q, key, v := f.drawn(T*D), f.drawn(S*D), f.drawn(S*D)
			want := attention(f, q, key, v, T, S, D)
			everyWay(t, k.name, func(m *machine) []uint16 {
				o := m.empty(2 * T * D)
				scale := float32(math.Log2E / math.Sqrt(float64(D)))
				m.must(m.function(ptx, "flash"), grid{(T + 63) / 64, 1, 1, threads, shared}, upload(m, q), upload(m, key), upload(m, v), o, T, S, scale, uint64(0), uint64(0))
				return download[uint16](m, o, T*D)
			}, f, func(i int) float64 { return want[i] })
		})
	}
}

func attention(f format, q, k, v []uint16, T, S, D int) []float64 {
	out := make([]float64, T*D)
	for t := range T {
		p, sum := make([]float64, S), 0.0
		for s := range S {
			for i := range D {
				p[s] += f.from(q[t*D+i]) * f.from(k[s*D+i])
			}
			p[s] = math.Exp(p[s] / math.Sqrt(float64(D)))
			sum += p[s]
		}
		for i := range D {
			for s := range S {
				out[t*D+i] += p[s] / sum * f.from(v[s*D+i])
			}
		}
	}
	return out
}

func TestTritonSoftmax(t *testing.T) {
	const rows, cols = 7, 201
	seeded()
	f, ptx := formats["bf16"], unzipped(t, "triton_softmax_bf16.ptx")
	threads, shared := sharedOf(t, ptx)
	x := f.drawn(rows * cols)
	everyWay(t, "triton_softmax_bf16", func(m *machine) []uint16 {
		y := m.empty(2 * rows * cols)
		m.must(m.function(ptx, "softmax"), grid{rows, 1, 1, threads, shared}, upload(m, x), y, cols, uint64(0), uint64(0))
		return download[uint16](m, y, rows*cols)
	}, f, func(i int) float64 {
		sum := 0.0
		for c := range cols {
			sum += math.Exp(f.from(x[i/cols*cols+c]))
		}
		return math.Exp(f.from(x[i])) / sum
	})
}

func TestTritonLayerNorm(t *testing.T) {
	const rows, cols, tolerance = 5, 300, 4e-6 // some roundings of float32 for numbers to 4
	seeded()
	ptx := unzipped(t, "triton_layernorm_fp32.ptx")
	threads, shared := sharedOf(t, ptx)
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(random.NormFloat64()) + 3
	}
	m := newMachine(t)
	y := m.empty(4 * rows * cols)
	m.must(m.function(ptx, "layernorm"), grid{rows, 1, 1, threads, shared}, upload(m, x), y, cols, uint64(0), uint64(0))
	out := download[float32](m, y, rows*cols)
	for r := range rows {
		var mean, square float64
		for _, v := range x[r*cols : (r+1)*cols] {
			mean += float64(v) / cols
		}
		for _, v := range x[r*cols : (r+1)*cols] {
			square += (float64(v) - mean) * (float64(v) - mean) / cols
		}
		for c := range cols {
			want := (float64(x[r*cols+c]) - mean) / math.Sqrt(square+1e-5)
			require.InDelta(t, want, float64(out[r*cols+c]), tolerance)
		}
	}
}
