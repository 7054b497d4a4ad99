package kernel

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEmbed(t *testing.T) {
	table := []float32{1, 2, 3, 4, 5, 6}
	out := make([]float32, 8)
	Serial(Embed(out, []float32{2, 0, 0, 1}, Table{Data: table}, 4, 3, 2, nil, 0))
	assert.Equal(t, []float32{5, 6, 1, 2, 1, 2, 3, 4}, out)
	Serial(Embed(out, []float32{2, 0, 0, 1}, Table{Data: table}, 4, 3, 2, []float32{10, 20, 30, 40}, 2))
	assert.Equal(t, []float32{15, 26, 31, 42, 11, 22, 33, 44}, out)
	assert.PanicsWithValue(t, "kernel: embed: id out of range", func() {
		Serial(Embed(out, []float32{3}, Table{Data: table}, 1, 3, 2, nil, 0))
	})
}

// readFloat32s reads a safetensors file of float32 tensors.
func readFloat32s(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	body := 8 + binary.LittleEndian.Uint64(file)
	var header map[string]struct {
		Offsets [2]uint64 `json:"data_offsets"`
	}
	require.NoError(t, json.Unmarshal(file[8:body], &header))
	tensors := map[string][]float32{}
	for name, h := range header {
		data := file[body+h.Offsets[0] : body+h.Offsets[1]]
		values := make([]float32, len(data)/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
		tensors[name] = values
	}
	return tensors
}

// timestepBound allows one unit in the last place of t·f at t = 1000, which is
// what one more or less in the frequency's last place makes.
const timestepBound = 1e-4

func TestTimesteps(t *testing.T) {
	golden := readFloat32s(t, "testdata/timestep_embedding.safetensors")
	ts := golden["timesteps"]
	for _, dim := range []int{16, 32, 33, 320} {
		for flip := range 2 {
			for shift := range 2 {
				name := fmt.Sprintf("dim%d_flip%d_shift%d", dim, flip, shift)
				require.Contains(t, golden, name)
				want := make([]float64, len(golden[name]))
				for i, v := range golden[name] {
					want[i] = float64(v)
				}
				out := make([]float32, len(ts)*dim)
				Serial(Timesteps(out, ts, len(ts), dim, flip == 1, float64(shift), 10000))
				requireClose(t, want, out, timestepBound)
			}
		}
	}
}

func TestTimestepsAtZero(t *testing.T) {
	out := []float32{9, 9, 9, 9, 9}
	Serial(Timesteps(out, []float32{0}, 1, 5, false, 0, 10000))
	assert.Equal(t, []float32{0, 0, 1, 1, 0}, out)
	Serial(Timesteps(out, []float32{0}, 1, 5, true, 0, 10000))
	assert.Equal(t, []float32{1, 1, 0, 0, 0}, out)
}

// A table in half precision is what its numbers are rounded to.
func TestEmbedFloat16(t *testing.T) {
	const rows, vocab, d = 5, 7, 37
	rng := rand.New(rand.NewPCG(90, 91))
	table, pos, ids := randoms(rng, vocab*d), randoms(rng, rows*d), []float32{6, 0, 3, 3, 1}
	half := make([]float32, TableLen(len(table), Float16))
	StoreTable(half, table, Float16)
	for i, v := range table {
		table[i] = float16ToFloat32(float32ToFloat16(v))
	}
	eachISA(t, func(t *testing.T) {
		for _, p := range [][]float32{nil, pos} {
			want, got := make([]float32, rows*d), make([]float32, rows*d)
			Serial(Embed(want, ids, Table{Data: table}, rows, vocab, d, p, rows), Embed(got, ids, Table{Format: Float16, Data: half}, rows, vocab, d, p, rows))
			requireSame(t, want, got)
		}
	})
}
