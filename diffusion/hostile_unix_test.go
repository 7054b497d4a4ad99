//go:build unix

package diffusion

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"sdgo/internal/golden"
)

// What is no file in place of any file is refused, and not waited for.
func TestLoadOddFiles(t *testing.T) {
	model := golden.Model(t, "tiny-sd15").(fstest.MapFS)
	kinds := map[string]struct {
		make func(path string) error
		want string
	}{
		"a named pipe": {func(path string) error { return unix.Mkfifo(path, 0o644) }, "a named pipe"},
		"a directory":  {func(path string) error { return os.Mkdir(path, 0o755) }, "a directory"},
		"a device":     {func(path string) error { return os.Symlink("/dev/zero", path) }, "a device"},
	}
	for name := range model {
		if name == "unet/diffusion_pytorch_model.bf16.safetensors" {
			continue // not asked for
		}
		for kind, k := range kinds {
			t.Run(name+" "+kind, func(t *testing.T) {
				dir := t.TempDir()
				require.NoError(t, os.CopyFS(dir, model))
				path := filepath.Join(dir, name)
				require.NoError(t, os.Remove(path))
				require.NoError(t, k.make(path))
				result := make(chan error, 1)
				go func() {
					p, err := Load(dir, nil)
					if err == nil {
						p.Close()
					}
					result <- err
				}()
				select {
				case err := <-result:
					require.ErrorContains(t, err, "diffusion: load")
					require.ErrorContains(t, err, k.want)
					assert.ErrorContains(t, err, filepath.Base(name))
				case <-time.After(10 * time.Second):
					t.Fatal("waits")
				}
			})
		}
	}
}

// tampered is a model's folder that is tampered with when a file is opened.
type tampered struct {
	fs.StatFS
	fs.ReadDirFS
	name string
	do   func()
}

func (f tampered) Open(name string) (fs.File, error) {
	if name == f.name {
		f.do()
	}
	return f.StatFS.Open(name)
}

// mapped says how many files below a folder the process has mapped.
func mapped(t *testing.T, dir string) int {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Log("no list of mappings here")
		return 0
	}
	return bytes.Count(maps, []byte(dir))
}

// A weight file that changes while the model is loaded is an error that names it. Once
// the model is loaded it does no harm.
func TestWeightsChange(t *testing.T) {
	model := single(t)
	file := weightFiles[0] // read after the VAE's is opened
	ways := map[string]struct {
		do   func(path string) error
		want string
	}{
		"cut": {func(path string) error { return os.Truncate(path, 100) }, "cannot be read any more"},
		"written to": {func(path string) error {
			later := time.Now().Add(time.Minute)
			return os.Chtimes(path, later, later)
		}, "was changed while it was open"},
	}
	for name, way := range ways {
		t.Run(name+" while loading", func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, model))
			root := os.DirFS(dir)
			_, err := LoadFS(tampered{root.(fs.StatFS), root.(fs.ReadDirFS), weightFiles[1], func() {
				require.NoError(t, way.do(filepath.Join(dir, file)))
			}}, nil)
			require.ErrorContains(t, err, way.want)
			assert.ErrorContains(t, err, file)
			assert.Zero(t, mapped(t, dir))
		})
		t.Run(name+" after", func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, model))
			p, err := Load(dir, nil)
			require.NoError(t, err)
			defer p.Close()
			assert.Zero(t, mapped(t, dir))
			o := &Options{Width: 64, Height: 64, Steps: 2, Seed: 1}
			want, err := p.TextToImage(t.Context(), prompt, o)
			require.NoError(t, err)
			for _, file := range weightFiles {
				require.NoError(t, way.do(filepath.Join(dir, file)))
			}
			got, err := p.TextToImage(t.Context(), prompt, o)
			require.NoError(t, err)
			assert.Equal(t, want.Latents.Float32s(), got.Latents.Float32s())
		})
	}
}
