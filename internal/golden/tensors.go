package golden

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// Tensor is reference data as float64, whatever its element type.
type Tensor struct {
	Shape  []int
	Values []float64
}

// Row returns values i of a [rows, width] tensor.
func (x Tensor) Row(i int) []float64 {
	width := len(x.Values) / x.Shape[0]
	return x.Values[i*width : (i+1)*width]
}

// Tensors reads all tensors of a safetensors file.
func Tensors(t testing.TB, path string) map[string]Tensor {
	t.Helper()
	file, err := safetensors.Open(path)
	require.NoError(t, err)
	defer file.Close()
	tensors := map[string]Tensor{}
	for _, name := range file.Names() {
		stored, _ := file.Tensor(name)
		tensors[name] = Tensor{stored.Shape, float64s(t, stored)}
	}
	return tensors
}

func float64s(t testing.TB, stored safetensors.Tensor) []float64 {
	t.Helper()
	values, data := make([]float64, stored.Len()), stored.Bytes()
	switch stored.DType {
	case safetensors.F64:
		for i := range values {
			values[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		}
	case safetensors.I32, safetensors.I64:
		whole, err := stored.Int64s()
		require.NoError(t, err)
		for i, v := range whole {
			values[i] = float64(v)
		}
	default:
		single, err := stored.Float32s()
		require.NoError(t, err)
		for i, v := range single {
			values[i] = float64(v)
		}
	}
	return values
}

// JSON reads a file of gzipped JSON into v.
func JSON(t testing.TB, path string, v any) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(v))
}
