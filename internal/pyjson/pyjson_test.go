package pyjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/pyjson"
)

func TestUnmarshal(t *testing.T) {
	tests := []struct {
		name, data string
		want       any
	}{
		{"plain", `{"a": [1, -2e3, "x", null, true]}`, map[string]any{"a": []any{1.0, -2e3, "x", nil, true}}},
		{"words", `[Infinity, -Infinity,NaN]`, []any{"inf", "-inf", "nan"}},
		{"alone", ` -Infinity `, "-inf"},
		{"in objects", `{"a":NaN,"b" : Infinity}`, map[string]any{"a": "nan", "b": "inf"}},
		{"strings stay", `{"NaN": "-Infinity", "q": "\"Infinity", "b": "\\", "n": NaN, "u": "\u004eaN"}`,
			map[string]any{"NaN": "-Infinity", "q": `"Infinity`, "b": `\`, "n": "nan", "u": "NaN"}},
		{"after an escaped backslash", `["\\", Infinity, "\\\"NaN"]`, []any{`\`, "inf", `\"NaN`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got any
			require.NoError(t, pyjson.Unmarshal([]byte(tt.data), &got))
			assert.Equal(t, tt.want, got)
		})
	}
}

// What Python does not write either stays an error, at its place in the file.
func TestUnmarshalErrors(t *testing.T) {
	for data, at := range map[string]int64{
		`{"a": NaN, "b": }`:       17,
		`[Infinity, NaN, nan]`:    18, // "nan" begins as null does
		`{NaN: 1}`:                2,
		`{Infinity : 1}`:          2,
		`[-NaN]`:                  3,
		`[+Infinity]`:             2,
		`[InfinityX]`:             10,
		`[NaN NaN]`:               6,
		`["`:                      2,
		`["\`:                     3,
		`[-Infinity,-Infinity,}`:  22,
		`[NaN,"Infinity",NaN,2,}`: 23,
	} {
		var v any
		var syntax *json.SyntaxError
		require.ErrorAs(t, pyjson.Unmarshal([]byte(data), &v), &syntax, data)
		assert.Equal(t, at, syntax.Offset, data)
	}
	var v struct{ A, B float64 }
	var kind *json.UnmarshalTypeError
	require.ErrorAs(t, pyjson.Unmarshal([]byte(`{"a": 1, "x": NaN, "b": -Infinity, "y": NaN}`), &v), &kind)
	assert.Equal(t, "-Infinity", kind.Value)
	assert.Equal(t, int64(33), kind.Offset)
}

func TestFloat(t *testing.T) {
	var v map[string]*pyjson.Float
	require.NoError(t, pyjson.Unmarshal([]byte(`{"a": 1.5, "b": Infinity, "c": -Infinity, "d": NaN, "e": null}`), &v))
	assert.Equal(t, 1.5, float64(*v["a"]))
	assert.Equal(t, math.Inf(1), float64(*v["b"]))
	assert.Equal(t, math.Inf(-1), float64(*v["c"]))
	assert.True(t, math.IsNaN(float64(*v["d"])))
	assert.Nil(t, v["e"])
	assert.Error(t, pyjson.Unmarshal([]byte(`{"a": "x"}`), &v))
}

func TestUnknown(t *testing.T) {
	keys := map[string]json.RawMessage{"null": []byte("null"), "off": []byte("false"), "known": []byte("1"), "inf": []byte(`"-inf"`)}
	known := func(key string) bool { return key == "known" }
	assert.Equal(t, []string{`the key "inf" is not known and was left out: have -Infinity`}, pyjson.Unknown(keys, known))
	delete(keys, "inf")
	assert.Nil(t, pyjson.Unknown(keys, known))
	for i := range 1000 {
		keys[fmt.Sprint(i)] = []byte("1")
	}
	warnings := pyjson.Unknown(keys, known)
	require.Len(t, warnings, 21)
	assert.Equal(t, "980 more keys are not known and were left out", warnings[20])
}

// JSON decodes as with encoding/json, also around a word.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{`{"a": [1, "NaN\"", -Infinity]}`, `"\\"`, `["NaN", NaN]`, `{`, "\"\xff\"", `[1,`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want, got any
		wantErr := json.Unmarshal(data, &want)
		gotErr := pyjson.Unmarshal(data, &got)
		if wantErr == nil {
			require.NoError(t, gotErr)
			assert.Equal(t, want, got)
			nested := fmt.Appendf(nil, `[NaN, %s, -Infinity]`, data)
			require.NoError(t, pyjson.Unmarshal(nested, &got))
			assert.Equal(t, []any{"nan", want, "-inf"}, got)
		}
		var syntax *json.SyntaxError
		if errors.As(gotErr, &syntax) {
			assert.True(t, 0 <= syntax.Offset && syntax.Offset <= int64(len(data)))
			if !strings.Contains(string(data), "NaN") && !strings.Contains(string(data), "Infinity") {
				assert.Equal(t, wantErr, gotErr)
			}
		}
	})
}
