package safetensors_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"sdgo/safetensors"
)

// FuzzHeader checks that no file makes the reader panic, that every rejection
// is a FormatError within the file, and that what is accepted can be read,
// written, and read again with the same content.
func FuzzHeader(f *testing.F) {
	for _, c := range goldenCases(f) {
		src, err := os.ReadFile(filepath.Join("testdata/files", c.File))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := openBytes(t, src)
		if err != nil {
			var formatErr *safetensors.FormatError
			if !errors.As(err, &formatErr) || formatErr.Offset < 0 || formatErr.Offset > int64(len(src)) {
				t.Fatalf("have %#v, want a FormatError within %d bytes", err, len(src))
			}
			return
		}
		total := 0
		for _, tensor := range tensors(file) {
			total += len(tensor.Bytes())
			if v, err := tensor.Float32s(); err == nil && len(v) != tensor.Len() {
				t.Fatalf("%q: have %d elements, want %d", tensor.Name, len(v), tensor.Len())
			}
			if v, err := tensor.Int64s(); err == nil && len(v) != tensor.Len() {
				t.Fatalf("%q: have %d elements, want %d", tensor.Name, len(v), tensor.Len())
			}
			tensor.Release()
		}
		if total > len(src) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(src))
		}
		var first, second bytes.Buffer
		if err := safetensors.Write(&first, tensors(file), file.Metadata()); err != nil {
			t.Fatal(err)
		}
		again, err := openBytes(t, first.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := safetensors.Write(&second, tensors(again), again.Metadata()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("have %q, want %q", second.Bytes(), first.Bytes())
		}
	})
}

// FuzzIndex checks that no index makes the reader panic or leave its folder.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(goodIndex))
	f.Add([]byte(`{"weight_map":{"a":"../outside.safetensors"}}`))
	var b bytes.Buffer
	if err := safetensors.Write(&b, nil, nil); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		fsys := fstest.MapFS{
			"unet/m.index.json":   {Data: src},
			"outside.safetensors": {Data: file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, "")},
		}
		file, err := safetensors.OpenIndexFS(fsys, "unet/m.index.json")
		if err == nil && len(file.Names()) > 0 {
			t.Fatalf("have tensors %q from an empty folder", file.Names())
		}
	})
}
