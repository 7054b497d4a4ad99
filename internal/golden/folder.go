package golden

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"math"
	"path"
	"strings"
	"testing"
	"testing/fstest"
)

// Folder returns a model's folder as people have them: tiny-sd15 with the files of
// testdata/cases/name in place of its own or beside them, and without those that
// absent.txt lists there, one a line.
func Folder(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	root := path.Join("testdata/cases", name)
	if _, err := fs.Stat(files, root); err != nil {
		t.Fatalf("golden: %v", err)
	}
	model := maps.Clone(Model(t, "tiny-sd15").(fstest.MapFS))
	if err := addTree(model, ".", root); err != nil {
		t.Fatalf("golden: case %s: %v", name, err)
	}
	absent, err := files.ReadFile(path.Join(root, "absent.txt"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("golden: %v", err)
	}
	for _, file := range strings.Fields(string(absent)) {
		if model[file] == nil {
			t.Fatalf("golden: case %s: absent.txt: no %s", name, file)
		}
		delete(model, file)
	}
	delete(model, "absent.txt")
	delete(model, "expected_latents.f32")
	return model
}

// FolderLatents returns the final latents [1 4 H W] that the reference makes of
// [Folder].
func FolderLatents(t testing.TB, name string) []float32 {
	t.Helper()
	data := File(t, path.Join("cases", name, "expected_latents.f32"))
	latents := make([]float32, len(data)/4)
	for i := range latents {
		latents[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return latents
}
