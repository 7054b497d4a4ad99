package safetensors_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// goldenCase is the official implementation's verdict on one file.
type goldenCase struct {
	File     string
	What     string
	Accept   bool
	Metadata map[string]string
	Tensors  map[string]struct {
		DType string
		Shape []int
	}
	Values any // of the only tensor, or by name
}

func goldenCases(t testing.TB) []goldenCase {
	t.Helper()
	src, err := os.ReadFile("testdata/case.json")
	require.NoError(t, err)
	var all struct{ Cases []goldenCase }
	require.NoError(t, json.Unmarshal(src, &all))
	require.Len(t, all.Cases, 110)
	return all.Cases
}

// torchNames translates the types that torch names otherwise.
var torchNames = map[string]string{
	"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
	"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
	"U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
	"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
	"C64": "complex64", "F4": "float4_e2m1fn_x2",
}

func TestVerdicts(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(strings.TrimSuffix(c.File, ".safetensors"), func(t *testing.T) {
			mapped, err := safetensors.Open(filepath.Join("testdata/files", c.File))
			read, errFS := safetensors.OpenFS(onlyFS{os.DirFS("testdata/files")}, c.File)
			if !c.Accept {
				for _, err := range []error{err, errFS} {
					var formatErr *safetensors.FormatError
					require.ErrorAs(t, err, &formatErr, c.What)
					assert.Contains(t, err.Error(), c.File)
					info, statErr := os.Stat(filepath.Join("testdata/files", c.File))
					require.NoError(t, statErr)
					assert.GreaterOrEqual(t, formatErr.Offset, int64(0))
					assert.LessOrEqual(t, formatErr.Offset, info.Size())
				}
				return
			}
			require.NoError(t, err, c.What)
			require.NoError(t, errFS, c.What)
			for _, f := range []*safetensors.File{mapped, read} {
				checkAccepted(t, c, f)
				assert.NoError(t, f.Close())
			}
		})
	}
}

func checkAccepted(t *testing.T, c goldenCase, f *safetensors.File) {
	assert.Equal(t, c.Metadata, f.Metadata())
	assert.Len(t, f.Names(), len(c.Tensors))
	for name, want := range c.Tensors {
		tensor, ok := f.Tensor(name)
		require.True(t, ok, name)
		assert.Equal(t, name, tensor.Name)
		assert.Equal(t, want.DType, "torch."+torchNames[tensor.DType.String()], name)
		if tensor.DType == safetensors.F4 {
			want.Shape = []int{2 * want.Shape[0]} // torch counts pairs
		}
		assert.Equal(t, want.Shape, tensor.Shape, name)
		if c.Values == nil {
			continue
		}
		values := c.Values
		if byName, ok := values.(map[string]any); ok {
			values = byName[name]
		}
		wantValues := flatten(t, values)
		have, err := tensor.Float32s()
		require.NoError(t, err, name)
		require.Len(t, have, len(wantValues), name)
		for i := range have {
			if math.IsNaN(wantValues[i]) {
				assert.True(t, math.IsNaN(float64(have[i])), "%s[%d]", name, i)
				continue
			}
			want := float32(wantValues[i])
			assert.Equal(t, math.Float32bits(want), math.Float32bits(have[i]), "%s[%d]: have %v, want %v", name, i, have[i], want)
		}
	}
}

// flatten turns nested JSON lists into float64s; "nan", "inf" and the zeros
// with a sign come as strings.
func flatten(t *testing.T, v any) []float64 {
	t.Helper()
	switch v := v.(type) {
	case []any:
		out := []float64{}
		for _, e := range v {
			out = append(out, flatten(t, e)...)
		}
		return out
	case float64:
		return []float64{v}
	case string:
		f, err := strconv.ParseFloat(v, 64)
		require.NoError(t, err)
		return []float64{f}
	}
	require.Fail(t, "unexpected value", "%T", v)
	return nil
}

// What encoding/json or a careless reader would get wrong beyond the files
// above; the verdicts are those of safetensors 0.8.0.
func TestMoreVerdicts(t *testing.T) {
	deep := func(n int) string {
		return `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`
	}
	tests := []struct {
		name, header, data string
		want               string // part of the error, empty to accept
	}{
		{"array of four", `{"a":["U8",[1],[0,1],5]}`, "x", "more than 3"},
		{"array of two", `{"a":["U8",[1]]}`, "x", "2 elements"},
		{"ignored number overflows", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1e999}}`, "x", "out of range"},
		{"ignored number underflows", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1e-999}}`, "x", ""},
		{"negative zero", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[-0,1]}}`, "x", "have -0, want a whole number"},
		{"leading zero", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,01]}}`, "x", "invalid number"},
		{"ignored field twice", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1,"x":[true,{"y":null}]}}`, "x", ""},
		{"depth 127", deep(125), "x", ""},
		{"depth 128", deep(126), "x", "127 deep"},
		{"last entry counts", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "xy", ""},
		{"metadata by escape", `{"__metad\u0061ta__":{"k":"v"}}`, "", ""},
		{"metadata null twice", `{"__metadata__":null,"__metadata__":null}`, "", "comes twice"},
		{"half a byte", `{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, "xy", "within a byte"},
		{"four F6", `{"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}`, "xyz", ""},
		{"empty tensor at the start", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, "x", ""},
		{"lone low surrogate", `{"\udc00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x", "invalid escape"},
		{"surrogate pair", `{"\ud83d\ude00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x", ""},
		{"two high surrogates", `{"\ud83d\ud83d":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x", "invalid escape"},
		{"unknown escape", `{"\x":1}`, "", "invalid escape"},
		{"cut-off escape", `{"\u12`, "", "invalid escape"},
		{"hex with a sign", `{"\u+123":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x", "invalid escape"},
		{"no colon", `{"a" 1}`, "", "want ':'"},
		{"no comma", `{"a":["U8",[1] [0,1]]}`, "x", "want ','"},
		{"misspelled word", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":nul}}`, "x", "want a value"},
		{"word goes on", `{"__metadata__":nullx}`, "", "have 'x'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := openBytes(t, file(tt.header, tt.data))
			if tt.want == "" {
				require.NoError(t, err)
				assert.NoError(t, f.Close())
				return
			}
			var formatErr *safetensors.FormatError
			require.True(t, errors.As(err, &formatErr), "%v", err)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
