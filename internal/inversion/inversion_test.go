package inversion

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"math"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// files are those of testdata, which gen.py there tells of.
func files(t *testing.T) fstest.MapFS {
	m := fstest.MapFS{}
	entries, err := os.ReadDir("testdata")
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile("testdata/" + e.Name())
		require.NoError(t, err)
		m[e.Name()] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	return m
}

// want are the vectors of most files.
func want(t *testing.T) [][]float32 {
	file, err := safetensors.OpenFS(files(t), "a1111.safetensors")
	require.NoError(t, err)
	defer file.Close()
	x, ok := file.Tensor("emb_params")
	require.True(t, ok)
	all, err := x.Float32s()
	require.NoError(t, err)
	return [][]float32{all[:32], all[32:64], all[64:]}
}

// Every form gives its word and the vectors that were written.
func TestForms(t *testing.T) {
	vectors := want(t)
	fsys := files(t)
	fsys["folder/learned_embeds.bin"] = fsys["learned_embeds.bin"]
	fsys["both/learned_embeds.bin"], fsys["both/learned_embeds.safetensors"] = fsys["learned_embeds.bin"], fsys["learned_embeds.safetensors"]
	for _, tt := range []struct {
		file, name string
		n          int
	}{
		{"a1111.pt", "tiny-cat", 3}, {"a1111.safetensors", "", 3}, {"parameterdict.pt", "", 3}, {"bare.pt", "", 3},
		{"learned_embeds.safetensors", "<tiny-cat>", 3}, {"learned_embeds.bin", "<tiny-cat>", 1}, {"single_vector.safetensors", "<tiny-cat>", 1},
		{"text.png", "tiny-cat", 3}, {"pixels.png", "tiny-cat", 3}, {"pixels.webp", "tiny-cat", 3},
		{"folder", "<tiny-cat>", 1}, {"both", "<tiny-cat>", 3},
	} {
		f, err := Read(t.Context(), fsys, tt.file)
		require.NoError(t, err, tt.file)
		assert.Equal(t, tt.name, f.Name, tt.file)
		assert.Equal(t, map[string][][]float32{Any: vectors[:tt.n]}, f.Vectors, tt.file)
		assert.Empty(t, f.Warnings, tt.file)
	}
	f, err := Read(t.Context(), fsys, "pair.safetensors")
	require.NoError(t, err)
	assert.Equal(t, vectors[:2], f.Vectors[First])
	require.Len(t, f.Vectors[Second], 2)
	assert.Equal(t, vectors[1], f.Vectors[Second][1][:32])
	assert.Len(t, f.Vectors[Second][1], 48)
}

// tensors is a file with tensors of some shapes, filled with a number.
func tensors(t *testing.T, fill float32, shapes map[string][]int) *fstest.MapFile {
	var list []safetensors.Tensor
	for name, shape := range shapes {
		n := 1
		for _, s := range shape {
			n *= s
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = fill
		}
		tensor, err := safetensors.NewFloat32(name, shape, x)
		require.NoError(t, err)
		list = append(list, tensor)
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, list, nil))
	return &fstest.MapFile{Data: b.Bytes(), Mode: 0o644}
}

// plain is a small PNG.
func plain(t *testing.T) *fstest.MapFile {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2))))
	return &fstest.MapFile{Data: b.Bytes(), Mode: 0o644}
}

// pngWith is a small PNG with a text.
func pngWith(t *testing.T, text string) *fstest.MapFile {
	body := append([]byte("tEXt"+textKey+"\x00"), text...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	chunk = append(chunk, body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(body))
	const header = 33
	image := plain(t).Data
	data := append(append(append([]byte{}, image[:header]...), chunk...), image[header:]...)
	return &fstest.MapFile{Data: data, Mode: 0o644}
}

func TestWrong(t *testing.T) {
	code := base64.StdEncoding.EncodeToString
	fsys := files(t)
	integers, err := safetensors.NewInt64("emb_params", []int{1, 2}, []int64{1, 2})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, []safetensors.Tensor{integers}, nil))
	for name, f := range map[string]*fstest.MapFile{
		"nan.safetensors": tensors(t, float32(math.NaN()), map[string][]int{"emb_params": {1, 4}}), "inf.safetensors": tensors(t, float32(math.Inf(1)), map[string][]int{"clip_g": {1, 4}}),
		"three.safetensors": tensors(t, 1, map[string][]int{"emb_params": {1, 2, 2}}), "none.safetensors": tensors(t, 1, map[string][]int{"emb_params": {0, 4}}),
		"many.safetensors": tensors(t, 1, map[string][]int{"emb_params": {MaxVectors + 1, 1}}), "wide.safetensors": tensors(t, 1, map[string][]int{"emb_params": {MaxWidth + 1}}),
		"words.safetensors": tensors(t, 1, map[string][]int{"<a>": {4}, "<b>": {4}}), "long.safetensors": tensors(t, 1, map[string][]int{string(bytes.Repeat([]byte("x"), 2000)): {4}}),
		"integers.safetensors": {Data: b.Bytes()},
		"plain.png":            plain(t),
		"digits.png":           pngWith(t, "!"), "json.png": pngWith(t, code([]byte("[]"))), "empty.png": pngWith(t, code([]byte("{}"))),
		"rows.png":  pngWith(t, code([]byte(`{"string_to_param": {"*": {"TORCHTENSOR": [[1, 2], [3]]}}}`))),
		"nan.png":   pngWith(t, code([]byte(`{"string_to_param": {"*": {"TORCHTENSOR": [[NaN]]}}}`))),
		"huge.png":  pngWith(t, code([]byte(`{"string_to_param": {"*": {"TORCHTENSOR": [[1e60]]}}}`))),
		"empty/a":   {},
		"text.webp": {Data: []byte("no")},
	} {
		fsys[name] = f
	}
	for file, want := range map[string]string{
		"nan.safetensors":      "nan.safetensors: vector 0: have NaN, want finite numbers",
		"inf.safetensors":      "inf.safetensors: clip_g: vector 0: have +Inf, want finite numbers",
		"three.safetensors":    "three.safetensors: have a tensor of shape [1 2 2], want [n D] or [D]",
		"none.safetensors":     "have a tensor of shape [0 4]",
		"many.safetensors":     "have a tensor of shape [1025 1]",
		"wide.safetensors":     "have a tensor of shape [1 4097]",
		"words.safetensors":    "have 2 tensors, such as <a>, <b>: want a textual inversion, which has one for its word",
		"long.safetensors":     "have a name of 2000 bytes, want at most 1024",
		"integers.safetensors": "have numbers of type I64, want floating point",
		"plain.png":            "plain.png: have a picture without a textual inversion in it",
		"digits.png":           "digits.png: sd-ti-embedding: illegal base64 data",
		"json.png":             "json.png: the text: json: cannot unmarshal array",
		"empty.png":            "have 0 words in string_to_param, want one",
		"rows.png":             "the text: vector 1: have 1 numbers, want 1 to 4096, as many as the first",
		"nan.png":              "the text: invalid character 'N'",
		"huge.png":             "TORCHTENSOR",
		"empty":                "empty: have a folder, want one with learned_embeds.safetensors or learned_embeds.bin",
		"text.webp":            "text.webp: ",
		"missing":              "file does not exist",
	} {
		_, err := Read(t.Context(), fsys, file)
		require.Error(t, err, file)
		assert.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Read(ctx, fsys, "a1111.pt")
	assert.ErrorIs(t, err, context.Canceled)
}

// Nothing that a file says makes the reader panic, or allocate more than it has.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"text.png", "pixels.webp"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := fromPicture(data); err == nil {
			require.NotEmpty(t, file.Vectors)
		}
	})
}
