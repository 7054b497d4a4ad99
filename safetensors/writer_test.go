package safetensors_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// Files that the official writer made come out of ours unchanged.
func TestWriteLikeOfficial(t *testing.T) {
	for _, name := range []string{
		"valid_all_dtypes", "valid_special_values", "valid_f8_all_codes",
		"valid_dtype_F16", "valid_dtype_BOOL", "valid_only_metadata",
	} {
		path := filepath.Join("testdata/files", name+".safetensors")
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := safetensors.Open(path)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, safetensors.Write(&b, tensors(f), f.Metadata()))
		assert.Equal(t, want, b.Bytes(), name)
		assert.NoError(t, f.Close())
	}
}

func tensors(f *safetensors.File) []safetensors.Tensor {
	var out []safetensors.Tensor
	for _, name := range f.Names() {
		tensor, _ := f.Tensor(name)
		out = append(out, tensor)
	}
	return out
}

// Whatever is accepted can be written and read again.
func TestRoundTrip(t *testing.T) {
	for _, c := range goldenCases(t) {
		if !c.Accept {
			continue
		}
		f, err := safetensors.Open(filepath.Join("testdata/files", c.File))
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, safetensors.Write(&b, tensors(f), f.Metadata()), c.File)
		again, err := openBytes(t, b.Bytes())
		require.NoError(t, err, c.File)
		assert.Equal(t, f.Metadata(), again.Metadata(), c.File)
		assert.ElementsMatch(t, f.Names(), again.Names(), c.File)
		for _, want := range tensors(f) {
			have, ok := again.Tensor(want.Name)
			require.True(t, ok, c.File)
			assert.Equal(t, want.DType, have.DType)
			assert.Equal(t, want.Shape, have.Shape)
			assert.True(t, bytes.Equal(want.Bytes(), have.Bytes()), c.File)
		}
		assert.NoError(t, f.Close())
	}
}

func TestWriteStrings(t *testing.T) {
	name := "\x00\x1f\b\f\n\r\t\"\\/<é猫\u2028\x7f"
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, []safetensors.Tensor{float32Tensor(t, name, nil, 1)}, map[string]string{name: name}))
	assert.Contains(t, b.String(), `"\u0000\u001f\b\f\n\r\t\"\\/<é猫`+"\u2028\x7f"+`"`)
	f, err := openBytes(t, b.Bytes())
	require.NoError(t, err)
	assert.Equal(t, []string{name}, f.Names())
	assert.Equal(t, map[string]string{name: name}, f.Metadata())
}

func TestWriteErrors(t *testing.T) {
	one := float32Tensor(t, "a", nil, 1)
	misshapen := one
	misshapen.Shape = []int{2}
	negative := one
	negative.Shape = []int{-1, -1}
	tests := []struct {
		name     string
		tensors  []safetensors.Tensor
		metadata map[string]string
		want     string
	}{
		{"twice", []safetensors.Tensor{one, one}, nil, "comes twice"},
		{"reserved", []safetensors.Tensor{float32Tensor(t, "__metadata__", nil, 1)}, nil, "reserved"},
		{"not UTF-8", []safetensors.Tensor{float32Tensor(t, "\xff", nil, 1)}, nil, "not UTF-8"},
		{"metadata not UTF-8", nil, map[string]string{"k": "\xff"}, "not UTF-8"},
		{"misshapen", []safetensors.Tensor{misshapen}, nil, "have 4 bytes"},
		{"negative", []safetensors.Tensor{negative}, nil, "negative"},
		{"zero value", []safetensors.Tensor{{Name: "a"}}, nil, "made without New"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			assert.ErrorContains(t, safetensors.Write(&b, tt.tensors, tt.metadata), tt.want)
			assert.Zero(t, b.Len())

			dir := t.TempDir()
			path := filepath.Join(dir, "m.safetensors")
			require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
			assert.ErrorContains(t, safetensors.WriteFile(path, tt.tensors, tt.metadata), tt.want)
			assertOnly(t, dir, "m.safetensors")
			have, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, "old", string(have))
		})
	}
	_, err := safetensors.NewFloat32("a", []int{2, 3}, make([]float32, 5))
	assert.ErrorContains(t, err, "have 20 bytes")
	_, err = safetensors.NewFloat32("a", []int{math.MaxInt, 4, 0}, nil)
	assert.Error(t, err)
	_, err = safetensors.New("a", 0, nil, nil)
	assert.ErrorContains(t, err, "DType(0)")
}

// brokenWriter fails after some bytes.
type brokenWriter struct{ left int }

var errBroken = errors.New("broken")

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errBroken
	}
	return len(b), nil
}

func TestWriterFails(t *testing.T) {
	for left := range 68 { // the size of the file
		err := safetensors.Write(&brokenWriter{left}, []safetensors.Tensor{float32Tensor(t, "a", nil, 1)}, nil)
		assert.ErrorIs(t, err, errBroken)
	}
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.safetensors")
	require.NoError(t, safetensors.WriteFile(path, []safetensors.Tensor{float32Tensor(t, "a", nil, 1)}, nil))
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	require.NoError(t, safetensors.WriteFile(path, []safetensors.Tensor{float32Tensor(t, "a", nil, 2)}, nil))
	assertOnly(t, dir, "m.safetensors")

	old, _ := f.Tensor("a")
	v, err := old.Float32s()
	require.NoError(t, err)
	assert.Equal(t, float32(1), v[0], "an open file keeps its content")
	assert.NoError(t, f.Close())

	f, err = safetensors.Open(path)
	require.NoError(t, err)
	now, _ := f.Tensor("a")
	v, err = now.Float32s()
	require.NoError(t, err)
	assert.Equal(t, float32(2), v[0])
	assert.NoError(t, f.Close())
}

// A directory in the target's place makes the last step fail.
func TestWriteFileRenameFails(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "m", "full"), 0o700))
	assert.Error(t, safetensors.WriteFile(filepath.Join(dir, "m"), nil, nil))
	assertOnly(t, dir, "m")
	assert.Error(t, safetensors.WriteFile(filepath.Join(dir, "none", "m"), nil, nil))
	assertOnly(t, dir, "m")
}

// The longest name that file systems take will do, and a symbolic link stays one.
func TestWriteFileNames(t *testing.T) {
	t.Chdir(t.TempDir())
	tensors := []safetensors.Tensor{float32Tensor(t, "a", nil, 1)}
	long := strings.Repeat("m", 243) + ".safetensors"
	require.NoError(t, safetensors.WriteFile(long, tensors, nil))
	assertOnly(t, ".", long)
	if err := os.Symlink(long, "link"); err != nil {
		t.Skip(err) // Windows asks for a privilege
	}
	require.NoError(t, safetensors.WriteFile("link", nil, map[string]string{"k": "v"}))
	f, err := safetensors.Open(long)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"k": "v"}, f.Metadata())
	assert.NoError(t, f.Close())
	info, err := os.Lstat("link")
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
}

func assertOnly(t *testing.T, dir, want string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, want, entries[0].Name())
}
