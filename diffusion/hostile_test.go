package diffusion

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/report"
	"sdgo/safetensors"
)

var weightFiles = []string{"unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"}

// single returns tiny-sd15 with its weights stored as float32, as they could be used
// in place.
func single(t testing.TB) fstest.MapFS {
	t.Helper()
	model := maps.Clone(golden.Model(t, "tiny-sd15").(fstest.MapFS))
	for _, name := range weightFiles {
		f, err := safetensors.OpenFS(model, name)
		require.NoError(t, err)
		var tensors []safetensors.Tensor
		for _, key := range f.Names() {
			x, _ := f.Tensor(key)
			numbers, err := x.Float32s()
			require.NoError(t, err)
			y, err := safetensors.NewFloat32(key, x.Shape, numbers)
			require.NoError(t, err)
			tensors = append(tensors, y)
		}
		var b bytes.Buffer
		require.NoError(t, safetensors.Write(&b, tensors, nil))
		model[name] = &fstest.MapFile{Data: b.Bytes()}
	}
	return model
}

// watchedFS counts its open files, and may do something when one is opened.
type watchedFS struct {
	fs.FS
	onOpen func(name string)

	mu   sync.Mutex
	open int
}

func (w *watchedFS) Open(name string) (fs.File, error) {
	if w.onOpen != nil {
		w.onOpen(name)
	}
	f, err := w.FS.Open(name)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
	return &watchedFile{f.(fs.ReadDirFile), w}, nil
}

type watchedFile struct {
	fs.ReadDirFile
	w *watchedFS
}

func (f *watchedFile) Close() error {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.w.open--
	return f.ReadDirFile.Close()
}

// dirs lets a file of fstest.MapFS be a fs.ReadDirFile too.
type dirs struct{ fstest.MapFS }

func (d dirs) Open(name string) (fs.File, error) {
	f, err := d.MapFS.Open(name)
	if _, ok := f.(fs.ReadDirFile); err == nil && !ok {
		return noDir{f}, nil
	}
	return f, err
}

type noDir struct{ fs.File }

func (noDir) ReadDir(int) ([]fs.DirEntry, error) { return nil, errors.New("not a directory") }

// stopAfter is a context that is done once it was looked at n times.
type stopAfter struct {
	context.Context
	mu sync.Mutex
	n  int
}

func (c *stopAfter) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// Loading stops wherever the context is done, with nothing left open or running.
func TestLoadContext(t *testing.T) {
	model := golden.Model(t, "tiny-sd15").(fstest.MapFS)
	before := runtime.NumGoroutine()
	looks := 0
	for n := 0; ; n += 1 + n/10 {
		fsys := &watchedFS{FS: dirs{model}}
		p, err := LoadFSContext(&stopAfter{Context: t.Context(), n: n}, fsys, nil)
		assert.Zero(t, fsys.open, "files open after %d looks", n)
		if err == nil {
			require.NoError(t, p.Close())
			looks = n
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "diffusion: load: ")
	}
	assert.Greater(t, looks, 500, "one for each weight at least")
	for end := time.Now().Add(time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // those of the last load are about to end
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := LoadContext(ctx, golden.ModelDir(t, "tiny-sd15"), nil)
	assert.ErrorIs(t, err, context.Canceled)
}

// A reader that waits between two parts of a file does not keep a load from stopping.
func TestLoadContextStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fsys := &watchedFS{FS: dirs{golden.Model(t, "tiny-sd15").(fstest.MapFS)}}
	var done time.Time
	fsys.onOpen = func(name string) {
		if name == weightFiles[1] {
			done = time.Now()
			cancel()
		}
	}
	_, err := LoadFSContext(ctx, fsys, nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(done), time.Second, "want 100 ms on a quiet machine")
	assert.Zero(t, fsys.open)
}

// However long what is wrong with a file, its error can be read.
func TestErrorsAreShort(t *testing.T) {
	const long = 10_000
	const most = 8000 // bytes of an error: 20 problems of 400
	values := []string{
		`"` + strings.Repeat("x", long) + `"`, strings.Repeat("1", long), "[" + strings.Repeat("1,", long) + "1]",
		"[" + strings.Repeat(`"a",`, long) + `"a"]`, `{"` + strings.Repeat("k", long) + `":1}`, strings.Repeat("[", long/2) + strings.Repeat("]", long/2),
	}
	model := golden.Model(t, "tiny-sd15").(fstest.MapFS)
	for _, file := range []string{"model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json",
		"text_encoder/config.json", "tokenizer/tokenizer_config.json", "tokenizer/special_tokens_map.json"} {
		var keys map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(model[file].Data, &keys))
		keys["unknown"], keys[strings.Repeat("u", long)] = nil, nil
		changes := make([]map[string]string, 1)
		changes[0] = make(map[string]string)
		for i := range 10_000 {
			changes[0][fmt.Sprintf("unknown %d", i)] = "1"
		}
		for i, key := range slices.Sorted(maps.Keys(keys)) {
			for n := range 2 { // all kinds, each with some keys
				changes = append(changes, map[string]string{key: values[(2*i+n)%len(values)]})
			}
			changes = append(changes, map[string]string{key: values[0]})
		}
		for _, change := range changes {
			m := maps.Clone(model)
			m[file] = setKeys(t, model, file, change)
			p, err := LoadFS(m, nil)
			name := fmt.Sprintf("%s, %.200v", file, change)
			if err != nil {
				assert.Less(t, len(err.Error()), most, "%s: %.300v", name, err)
				continue
			}
			assert.Less(t, len(strings.Join(p.Warnings, "\n")), most, "warnings of %s", name)
			p.Close()
		}
	}
}

// Weights of another model are hundreds of problems: the error lists 20 and counts all.
func TestManyProblems(t *testing.T) {
	model := maps.Clone(golden.Model(t, "tiny-sd15").(fstest.MapFS))
	for i, name := range weightFiles {
		m := maps.Clone(model)
		m[name] = model[weightFiles[(i+1)%len(weightFiles)]]
		_, err := LoadFS(m, nil)
		var weights *report.WeightsError
		require.ErrorAs(t, err, &weights, name)
		assert.Len(t, weights.Problems, 20)
		assert.Greater(t, weights.Total, 20)
		assert.ErrorContains(t, err, "problems with the weights, the first 20:")
	}
}
