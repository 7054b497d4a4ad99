package safetensors_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// repeat returns prefix, n items that format makes of their number, and suffix.
func repeat(prefix, format, suffix string, n int) string {
	var b strings.Builder
	b.WriteString(prefix)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	b.WriteString(suffix)
	return b.String()
}

// What costs more to read than a model ever needs is refused with a short message.
func TestLimits(t *testing.T) {
	const many = 1<<18 + 1
	tests := []struct {
		name, header, want string
	}{
		{"tensors", repeat(`{`, `"%x":["U8",[0],[0,0]]`, `}`, many), "more than 262144 tensors"},
		{"metadata", repeat(`{"__metadata__":{`, `"%x":""`, `}}`, many), "more than 262144 entries"},
		{"dimensions", `{"a":["U8",[` + strings.Repeat("0,", 64) + `0],[0,0]]}`, "more than 64 dimensions"},
		{"a long name", `{"` + strings.Repeat("a", 1<<20) + `":1}`, "want an object"},
		{"a long number", `{"a":["U8",[` + strings.Repeat("1", 1<<20) + `],[0,0]]}`, "want a whole number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := openBytes(t, file(tt.header, ""))
			require.ErrorContains(t, err, tt.want)
			assert.Less(t, len(err.Error()), 1000)
		})
	}
	_, err := openBytes(t, file(`{"a":["U8",[`+strings.Repeat("0,", 63)+`0],[0,0]]}`, ""))
	assert.NoError(t, err)
}

func TestIndexLimits(t *testing.T) {
	shard := &fstest.MapFile{Data: file(repeat(`{`, `"%x":["U8",[0],[0,0]]`, `}`, 1000), "")}
	large := &fstest.MapFile{Data: file(`{"a":["U8",[0],[0,0]],"b":["U8",[0],[0,0]]}`+strings.Repeat(" ", 60<<20), "")}
	tests := []struct {
		name, index, want string
	}{
		{"tensors", repeat(`{"weight_map":{`, `"%x":"a"`, `}}`, 1<<18+1), "more than 262144 tensors"},
		{"files", repeat(`{"weight_map":{`, `"%[1]x":"%[1]x"`, `}}`, 5000), "more than 4096 files"},
		{"bytes", `{"weight_map":{}}` + strings.Repeat(" ", 32<<20), "more than 33554432 bytes"},
		{"headers", `{"weight_map":{"a":"large 1","b":"large 2"}}`, "the headers of 2 of 2 files have more than 100000000 bytes"},
		{"none", repeat(`{"weight_map":{`, `"%x":"shard"`, `}}`, 1000), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{"i.json": {Data: []byte(tt.index)}, "shard": shard, "large 1": large, "large 2": large}
			f, err := safetensors.OpenIndexFS(fsys, "i.json")
			if tt.want == "" {
				require.NoError(t, err)
				assert.Len(t, f.Names(), 1000)
				require.NoError(t, f.Close())
				return
			}
			require.ErrorContains(t, err, tt.want)
			assert.Less(t, len(err.Error()), 1000)
		})
	}
}

// stopAfter is a context that is done after it was looked at n times.
type stopAfter struct {
	context.Context
	n int
}

func (c *stopAfter) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// Opening stops wherever the context is done.
func TestOpenContext(t *testing.T) {
	fsys := fstest.MapFS{
		"m": {Data: file(repeat(`{`, `"%x":["U8",[0],[0,0]]`, `}`, 20_000), "")},
		"i": {Data: []byte(repeat(`{"weight_map":{`, `"%x":"m"`, `}}`, 20_000))},
	}
	open := map[string]func(context.Context, string) (*safetensors.File, error){
		"m": func(ctx context.Context, name string) (*safetensors.File, error) {
			return safetensors.OpenFSContext(ctx, fsys, name)
		},
		"i": func(ctx context.Context, name string) (*safetensors.File, error) {
			return safetensors.OpenIndexFSContext(ctx, fsys, name)
		},
	}
	for name, open := range open {
		for n := 0; ; n++ {
			f, err := open(&stopAfter{t.Context(), n}, name)
			if err == nil {
				assert.Greater(t, n, 40, "looks at the context of %s", name)
				require.NoError(t, f.Close())
				break
			}
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorContains(t, err, "safetensors: ")
			n += n / 2 // not every one
		}
	}
}
