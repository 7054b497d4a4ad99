package golden

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// shared lists what a model takes from another one because it is the same,
// byte for byte: whole components and single files.
var shared = map[string]map[string]string{
	"tiny-sd15-4blk":   {"scheduler": "tiny-sd15/scheduler", "tokenizer": "tiny-sd15/tokenizer"},
	"tiny-sd21-v":      {"vae": "tiny-sd15/vae"},
	"tiny-sdxl":        {"tokenizer": "tiny-sd15/tokenizer"},
	"tiny-x4-upscaler": {"tokenizer": "tiny-sd21-v/tokenizer"},
	"tiny-sd15-taesd": {
		"scheduler": "tiny-sd15/scheduler", "tokenizer": "tiny-sd15/tokenizer", "text_encoder": "tiny-sd15/text_encoder",
		"unet": "tiny-sd15/unet", "vae": "tiny-taesd",
	},
	"tiny-depth": {
		"scheduler": "tiny-sd15/scheduler", "tokenizer": "tiny-sd15/tokenizer", "vae": "tiny-sd15/vae",
		"text_encoder/model.safetensors": "tiny-sd15/text_encoder/model.safetensors",
	},
	"tiny-inpaint": {
		"scheduler": "tiny-sd15/scheduler", "tokenizer": "tiny-sd15/tokenizer", "vae": "tiny-sd15/vae",
		"text_encoder/model.safetensors": "tiny-sd15/text_encoder/model.safetensors",
	},
}

// Model returns the folder of a model in diffusers layout, such as "tiny-sd15".
// Its files are in memory; [ModelDir] gives real ones.
func Model(t testing.TB, name string) fs.FS {
	t.Helper()
	model, err := assemble(name)
	if err != nil {
		t.Fatalf("golden: model %s: %v", name, err)
	}
	return model
}

// ModelDir writes the folder of a model to a temporary directory and returns
// its path.
func ModelDir(t testing.TB, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, Model(t, name)); err != nil {
		t.Fatalf("golden: model %s: %v", name, err)
	}
	return dir
}

// models caches what assemble made.
var models sync.Map

// assemble puts a model's own and its shared files into one file system.
func assemble(name string) (fs.FS, error) {
	if m, ok := models.Load(name); ok {
		return m.(fs.FS), nil
	}
	m := make(fstest.MapFS)
	if err := addTree(m, ".", path.Join("testdata/models", name)); err != nil {
		return nil, err
	}
	for to, from := range shared[name] {
		if err := addTree(m, to, path.Join("testdata/models", from)); err != nil {
			return nil, err
		}
	}
	models.Store(name, fs.FS(m))
	return m, nil
}

// addTree copies a file or folder into m. A file whose name ends in .gz is unpacked.
func addTree(m fstest.MapFS, to, root string) error {
	return fs.WalkDir(files, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		target := path.Join(to, strings.TrimPrefix(name, root))
		if unpacked, ok := strings.CutSuffix(target, ".gz"); ok {
			target = unpacked
			r, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				return err
			}
			if data, err = io.ReadAll(r); err != nil {
				return err
			}
		}
		m[target] = &fstest.MapFile{Data: data, Mode: 0o644}
		return nil
	})
}
