package pickle_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/pickle"
)

// open opens a file of testdata.
func open(t testing.TB, name string) *pickle.File {
	t.Helper()
	f, err := pickle.Open(t.Context(), os.DirFS("testdata"), name)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

// Types without a class of storages, other memory orders, expanded tensors and such.
func TestExtra(t *testing.T) {
	text, err := os.ReadFile("testdata/extra.txt")
	require.NoError(t, err)
	dtypes := map[string]string{"u16": "U16", "f8": "F8_E4M3", "f8e5": "F8_E5M2"}
	for _, name := range []string{"extra-zip-2.pt", "extra-zip-4.pt", "extra-legacy-2.pt"} {
		f := open(t, name)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		assert.Len(t, f.Names(), len(lines)+1)
		for _, line := range lines {
			head, numbers, _ := strings.Cut(line, " : ")
			words := strings.Fields(head)
			shape, dtype, ok := f.Tensor(words[0])
			require.True(t, ok, words[0])
			var have []string
			for _, n := range shape {
				have = append(have, strconv.Itoa(n))
			}
			assert.Equal(t, words[1:], have, words[0])
			if want := dtypes[words[0]]; want != "" {
				assert.Equal(t, want, dtype, words[0])
			}
			var want []float32
			for _, s := range strings.Fields(numbers) {
				x, err := strconv.ParseFloat(s, 32)
				require.NoError(t, err)
				want = append(want, float32(x))
			}
			assert.Equal(t, want, all(t, f, words[0]), "%s: %s", name, words[0])
		}
		_, dtype, _ := f.Tensor("c")
		assert.Equal(t, "C64", dtype)
		assert.ErrorContains(t, f.Float32s("c", 0, make([]float32, 1)), "no conversion from C64 to float32")
		assert.ErrorContains(t, f.Float32s("full", 29, make([]float32, 2)), `tensor "full": have 30 elements (shape [6 5]), want 2 from 29 on`)
		assert.ErrorContains(t, f.Float32s("none", 0, nil), `no tensor "none"`)
	}
}

// What trainers write around the tensors.
func TestWrappers(t *testing.T) {
	for _, form := range []string{"zip", "legacy"} {
		f := open(t, "inversion-"+form+".pt")
		assert.ElementsMatch(t, []string{"string_to_token.*", "string_to_param.*"}, f.Names())
		assert.Equal(t, []float32{0, 1, 2, 3, 4, 5, 6, 7}, all(t, f, "string_to_param.*"))
		assert.Equal(t, map[string]string{"name": "cat", "step": "3000"}, f.Metadata())

		f = open(t, "lightning-"+form+".ckpt")
		assert.Equal(t, []string{"weight", "bias"}, f.Names())
		assert.Equal(t, []float32{-0.09034346789121628, 0.007466398179531097}, all(t, f, "bias"))
		assert.Equal(t, map[string]string{"epoch": "3", "global_step": "17", "pytorch-lightning_version": "1.4.2", "when": "1.5"}, f.Metadata())
	}
}

// A file in big-endian order has the numbers of the one in little-endian order.
func TestBigEndian(t *testing.T) {
	data, err := os.ReadFile("testdata/hostile/good.ckpt")
	require.NoError(t, err)
	data = bytes.Replace(data, []byte("little"), []byte("big   "), 1)
	f, err := read(t, data)
	require.ErrorContains(t, err, `have "big   ", want little or big`)
	assert.Nil(t, f)

	const size = 6
	at := bytes.Index(data, []byte("big   "))
	files := []string{"archive/data.pkl", pickleOf(t, data), "archive/byteorder", "big", "archive/data/0", string(bigEndian(size))}
	require.Positive(t, at)
	f, err = read(t, archive(t, 0, files...))
	require.NoError(t, err)
	assert.Equal(t, []float32{0, 1, 2, 3, 4, 5}, all(t, f, "w"))
}

// bigEndian returns the numbers 0 to n-1.
func bigEndian(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		_ = binary.Write(&b, binary.BigEndian, float32(i))
	}
	return b.Bytes()
}

// pickleOf returns the pickle of an archive.
func pickleOf(t testing.TB, data []byte) string {
	t.Helper()
	start := bytes.Index(data, []byte("\x80\x02"))
	end := bytes.Index(data[start:], []byte("s.PK"))
	require.Positive(t, end)
	return string(data[start : start+end+2])
}

// A file that is cut or in which bits are flipped is an error or other numbers.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"views-zip.ckpt", "views-legacy.ckpt", "extra-zip-4.pt", "inversion-zip.pt", "lightning-legacy.ckpt"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		for n := 0; n < len(data); n += 3 {
			_, err := read(t, data[:n])
			require.ErrorContains(t, err, "pickle: x.pt: ", "%s cut to %d", name, n)
		}
		failed := 0
		for bit := range 8 * len(data) {
			if bit%29 != 0 {
				continue // enough of them, each place of a byte
			}
			flipped := bytes.Clone(data)
			flipped[bit/8] ^= 1 << (bit % 8)
			if !readAll(t, flipped) {
				failed++
			}
		}
		assert.Greater(t, failed, len(data)/40, name)
	}
}

// readAll reads all tensors of a file that need not be one, and tells whether it is.
func readAll(t testing.TB, data []byte) bool {
	f, err := read(t, data)
	if err != nil {
		return false
	}
	defer f.Close()
	left := 1 << 20 // elements, so that it is fast
	for _, name := range f.Names() {
		shape, _, _ := f.Tensor(name)
		n := 1
		for _, s := range shape {
			n *= s
		}
		if left -= n; left < 0 {
			break
		}
		err = f.Float32s(name, 0, make([]float32, n))
		if err != nil {
			break
		}
	}
	return err == nil
}

// A file that is cut after it was opened is an error of the read, and of Changed.
func TestCutWhileOpen(t *testing.T) {
	data, err := os.ReadFile("testdata/views-legacy.ckpt")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.ckpt"), data, 0o600))
	f, err := pickle.Open(t.Context(), os.DirFS(dir), "x.ckpt")
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, os.Truncate(filepath.Join(dir, "x.ckpt"), int64(len(data)/2)))
	assert.ErrorContains(t, f.Float32s("full", 0, make([]float32, 30)), "offset ")
	assert.ErrorContains(t, f.Float32s("transposed", 0, make([]float32, 30)), "unexpected EOF")
	assert.ErrorContains(t, f.Changed(), "the file was changed while it was open")
}

func TestNoFile(t *testing.T) {
	_, err := pickle.Open(t.Context(), fstest.MapFS{}, "x.pt")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "pickle: ")
	_, err = read(t, nil)
	assert.ErrorContains(t, err, "offset 0: have a file that begins with")
}

// FuzzOpen opens and reads what need not be a file of PyTorch.
func FuzzOpen(f *testing.F) {
	for _, pattern := range []string{"testdata/*.ckpt", "testdata/*.pt", "testdata/hostile/*"} {
		names, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, name := range names {
			data, err := os.ReadFile(name)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data) })
}

// FuzzPickle runs pickles beside two storages, which reaches further than whole archives.
func FuzzPickle(f *testing.F) {
	names, err := filepath.Glob("testdata/hostile/zip_*")
	require.NoError(f, err)
	for _, name := range append(names, "testdata/hostile/good.ckpt", "testdata/hostile/tensor_ok_handmade.ckpt") {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		if i := bytes.Index(data, []byte("\x80")); i >= 0 {
			f.Add(string(data[i:]))
		}
	}
	f.Fuzz(func(t *testing.T, pickle string) {
		readAll(t, archive(t, 0, "a/data.pkl", pickle, "a/data/0", strings.Repeat("x", 24), "a/data/1", strings.Repeat("y", 64)))
	})
}
