package pickle_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/pickle"
	"sdgo/safetensors"
)

// all returns the elements of a tensor.
func all(t testing.TB, f *pickle.File, name string) []float32 {
	t.Helper()
	shape, _, ok := f.Tensor(name)
	require.True(t, ok, name)
	n := 1
	for _, s := range shape {
		n *= s
	}
	x := make([]float32, n)
	require.NoError(t, f.Float32s(name, 0, x), name)
	f.Release(name)
	return x
}

// Tensors of every type and layout, from a mapped file and from memory.
func TestViews(t *testing.T) {
	want, err := safetensors.Open("testdata/views.safetensors")
	require.NoError(t, err)
	defer want.Close()
	for _, name := range []string{"views-zip.ckpt", "views-legacy.ckpt", "views-ordereddict-proto4.ckpt"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		disk, err := pickle.Open(t.Context(), os.DirFS("testdata"), name)
		require.NoError(t, err)
		memory, err := pickle.Open(t.Context(), fstest.MapFS{name: {Data: data}}, name)
		require.NoError(t, err)
		for _, f := range []*pickle.File{disk, memory} {
			assert.Len(t, f.Names(), len(want.Names()), name)
			for _, key := range want.Names() {
				w, _ := want.Tensor(key)
				dtype := w.DType.String()
				if key == "f64_as_f32" {
					key, dtype = "f64", "F64"
				}
				shape, have, ok := f.Tensor(key)
				require.True(t, ok, key)
				assert.Equal(t, w.Shape, shape, key)
				assert.Equal(t, dtype, have, key)
				x := make([]float32, w.Len())
				require.NoError(t, w.Float32sInto(x))
				assert.Equal(t, x, all(t, f, key), "%s: %s", name, key)
				for from := range x { // in two parts
					y := make([]float32, len(x))
					require.NoError(t, f.Float32s(key, 0, y[:from]))
					require.NoError(t, f.Float32s(key, from, y[from:]))
					assert.Equal(t, x, y, "%s: %s from %d", name, key, from)
				}
			}
			require.NoError(t, f.Changed())
			require.NoError(t, f.Close())
			require.NoError(t, f.Close())
			assert.ErrorIs(t, f.Float32s("full", 0, make([]float32, 1)), os.ErrClosed)
		}
	}
}

// Of the hostile files none opens, and the errors tell name and place.
func TestHostile(t *testing.T) {
	entries, err := filepath.Glob("testdata/hostile/*.ckpt")
	require.NoError(t, err)
	require.Greater(t, len(entries), 60)
	want := map[string]string{
		"os_system_zip.ckpt":              `archive/data.pkl: offset 190: GLOBAL: "posix.system" is refused`,
		"os_system_legacy.ckpt":           `what was saved: offset`,
		"eval_zip.ckpt":                   `"__builtin__.eval" is refused`,
		"exec_zip.ckpt":                   `"__builtin__.exec" is refused`,
		"popen_zip.ckpt":                  `"commands.Popen" is refused`,
		"getattr_zip.ckpt":                `"__builtin__.getattr" is refused`,
		"zip_stack_global.ckpt":           `offset 17: STACK_GLOBAL: "posix.system" is refused`,
		"zip_dotted_name_proto4.ckpt":     `"torch.serialization.os.system" is refused`,
		"zip_build_setstate.ckpt":         `"posix.system" is refused`,
		"zip_torch_hub_load.ckpt":         `"torch.hub.load" is refused`,
		"zip_ext_opcode.ckpt":             `offset 2: opcode EXT1`,
		"zip_huge_binunicode.ckpt":        `offset 2: BINUNICODE8: want 1152921504606846976 bytes, have 2`,
		"zip_huge_long4.ckpt":             `offset 2: LONG4: want 2147483647 bytes, have 2`,
		"zip_negative_long4.ckpt":         `offset 2: LONG4: have a length of -5`,
		"zip_stack_underflow.ckpt":        `offset 2: REDUCE: the stack has too few values`,
		"zip_no_stop.ckpt":                `offset 3: the pickle ends without STOP`,
		"zip_memo_missing.ckpt":           `there is no number 5 in the memo`,
		"zip_unknown_opcode.ckpt":         `offset 2: have the byte 0xff`,
		"zip_mark_missing.ckpt":           `TUPLE: there is no mark`,
		"zip_truncated.ckpt":              `zip archive of 300 bytes, cut off or damaged`,
		"zip_no_data_pkl.ckpt":            `without data.pkl`,
		"tensor_offset_out_of_range.ckpt": `have a storage of 6 elements of F32`,
		"tensor_size_too_big.ckpt":        `sizes [1000 1000], strides [1000 1]: have a storage of 6`,
		"tensor_stride_zero_huge.ckpt":    `have more elements than a file of 650 bytes has`,
		"tensor_numel_lies.ckpt":          `more than the file has`,
		"tensor_missing_storage.ckpt":     `storage "7": zip archive without "archive/data/7"`,
		"tensor_path_traversal.ckpt":      `zip archive without "archive/data/../../../../etc/passwd"`,
		"tensor_rank_mismatch.ckpt":       `have 2 sizes and 1 strides`,
		"tensor_unknown_storage.ckpt":     `"torch.EvilStorage" is refused`,
		"plain_pickle.ckpt":               `"posix.system" is refused`,
		"raw_global_posix_proto0.ckpt":    `offset 0: have a file that begins with "cposix`,
		"not_a_checkpoint.ckpt":           `offset 0: this is a Git LFS pointer`,
		"html.ckpt":                       `offset 0: this is a web page`,
	}
	for _, path := range entries {
		name := filepath.Base(path)
		f, err := pickle.Open(t.Context(), os.DirFS("testdata/hostile"), name)
		if name == "good.ckpt" || name == "tensor_ok_handmade.ckpt" {
			require.NoError(t, err)
			assert.Equal(t, []float32{0, 1, 2, 3, 4, 5}, all(t, f, "w"))
			require.NoError(t, f.Close())
			continue
		}
		assert.ErrorContains(t, err, "pickle: "+name+": ")
		assert.ErrorContains(t, err, want[name], name)
		delete(want, name)
	}
	assert.Empty(t, want)
}

// archive returns a zip archive of files, stored or compressed.
func archive(t testing.TB, method uint16, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: files[i], Method: method})
		require.NoError(t, err)
		_, err = w.Write([]byte(files[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// read opens a file in memory.
func read(t testing.TB, data []byte) (*pickle.File, error) {
	t.Helper()
	return pickle.Open(t.Context(), fstest.MapFS{"x.pt": {Data: data}}, "x.pt")
}

func TestBombs(t *testing.T) {
	for what, tt := range map[string]struct{ pickle, want string }{
		"nested lists":      {"\x80\x02" + strings.Repeat("]", 50000) + strings.Repeat("a", 49999) + ".", "no tensors"},
		"references":        {"\x80\x02]q\x00" + doubled(60, "(h%h%l") + ".", "no tensors"},
		"tuples as a size":  {"\x80\x02)q\x00" + doubled(60, "(h%h%t") + "ctorch._utils\n_rebuild_tensor\n(h\x3ch\x3ch\x3ch\x3ctR.", "have a tuple, want a storage"},
		"dicts":             {"\x80\x02}q\x00" + doubled(60, "}(X\x01\x00\x00\x00ah%X\x01\x00\x00\x00bh%u") + ".", "no tensors"},
		"wide lists":        {"\x80\x02]q\x00" + wide("N") + wide("N") + "0]" + wide("h\x00") + wide("h\x00") + ".", "more than 1048576 values in dicts and lists"},
		"a deep stack":      {"\x80\x02" + strings.Repeat("N", 1<<18) + ".", "more than 131072 values on the stack"},
		"marks":             {"\x80\x02" + strings.Repeat("(", 1<<18) + ".", "more than 131072 marks"},
		"lists":             {"\x80\x02" + strings.Repeat("]0", 1<<21) + ".", "more than 1048576 values"},
		"a long line":       {"\x80\x02c" + strings.Repeat("a", 1<<20), "a line of more than 4096 bytes"},
		"a long pickle":     {"\x80\x02" + strings.Repeat("N0", 9<<20) + ".", "more than 16777216 bytes"},
		"a dict of itself":  {"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.", "no tensors"},
		"a list of itself":  {"\x80\x02]q\x00h\x00a.", "no tensors"},
		"a state of itself": {"\x80\x02}X\x01\x00\x00\x00actorch.nn.modules.container\nParameterDict\n)\x81q\x00}X\x0b\x00\x00\x00_parametersh\x00sbs.", "no tensors"},
	} {
		_, err := read(t, archive(t, zip.Store, "archive/data.pkl", tt.pickle))
		assert.ErrorContains(t, err, tt.want, what)
	}
	_, err := read(t, archive(t, zip.Deflate, "archive/data.pkl", strings.Repeat("N0", 1<<20)))
	assert.ErrorContains(t, err, `"archive/data.pkl" is compressed (method 8`)
	_, err = read(t, archive(t, zip.Store, "archive/data.pkl", "}.", "archive/data.pkl", "}."))
	assert.ErrorContains(t, err, `two files "archive/data.pkl"`)
	_, err = read(t, archive(t, zip.Store, "archive/data.pkl", "}.", "other/data.pkl", "}."))
	assert.ErrorContains(t, err, `data.pkl in "archive" and in "other/"`)
	_, err = read(t, archive(t, zip.Store, "archive/data.pkl", "}.", "archive/constants.pkl", ")."))
	assert.ErrorContains(t, err, "TorchScript")
	_, err = read(t, archive(t, zip.Store, "archive/data.pkl", "}.", "archive/byteorder", "middle"))
	assert.ErrorContains(t, err, `have "middle", want little or big`)
}

// wide puts a hundred thousand values into a list.
func wide(value string) string { return "(" + strings.Repeat(value, 100_000) + "e" }

// doubled repeats opcodes that make a value of the last one, twice.
func doubled(n int, ops string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(ops, "%", string([]byte{byte(i)})) + "q" + string([]byte{byte(i + 1)}))
	}
	return b.String()
}
