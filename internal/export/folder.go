package export

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"sdgo/internal/atomicfile"
	"sdgo/internal/ggml"
	"sdgo/internal/ldm"
	"sdgo/safetensors"
)

// weightFiles are the names that diffusers and transformers give to weights.
var weightFiles = map[string]string{
	ldm.TextEncoder: "model.safetensors", ldm.TextEncoder2: "model.safetensors",
	ldm.UNet: "diffusion_pytorch_model.safetensors", ldm.VAE: "diffusion_pytorch_model.safetensors",
}

// folder writes a model as save_pretrained of diffusers does.
func (w *writing) folder(to string, m *Model) error {
	f, err := atomicfile.CreateFolder(to, w.options.Replace)
	if err != nil {
		return err
	}
	defer f.Discard()
	texts, err := w.texts(m)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := w.create(f, name, func(to io.Writer) error {
			_, err := to.Write(texts[name])
			return err
		}); err != nil {
			return err
		}
	}
	parts := slices.Sorted(maps.Keys(m.Parts))
	for _, part := range parts {
		w.total += size(m.Parts[part], w.dtype.of)
	}
	for _, part := range parts {
		name := path.Join(part, weightFiles[part])
		if err := w.create(f, name, func(to io.Writer) error { return w.tensors(to, m.Parts[part], pytorch) }); err != nil {
			return err
		}
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	return f.Commit()
}

// create writes a file of a folder.
func (w *writing) create(f *atomicfile.Folder, name string, write func(io.Writer) error) error {
	file, err := f.Create(name)
	if err != nil {
		return err
	}
	if err := w.buffered(file, write); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// texts are the files of a folder that are not weights.
func (w *writing) texts(m *Model) (map[string][]byte, error) {
	texts := map[string][]byte{"scheduler/scheduler_config.json": m.Scheduler}
	if m.LowRes != nil {
		texts["low_res_scheduler/scheduler_config.json"] = m.LowRes
	}
	var err error
	if texts[index], err = m.index(); err != nil {
		return nil, fmt.Errorf("%s: %w", index, err)
	}
	for folder, files := range m.Tokenizers {
		for name, text := range files {
			texts[path.Join(folder, name)] = text
		}
	}
	for part, src := range m.Parts {
		if texts[path.Join(part, "config.json")], err = w.config(part, src); err != nil {
			return nil, fmt.Errorf("%s/config.json: %w", part, err)
		}
	}
	return texts, nil
}

// pytorch is what libraries in Python want to find in the metadata of safetensors.
var pytorch = map[string]string{"format": "pt"}

// tensors writes the tensors of a checkpoint in safetensors.
func (w *writing) tensors(to io.Writer, src ldm.Tensors, metadata map[string]string) error {
	var entries []safetensors.Entry
	for _, name := range src.Names() {
		shape, stored, _ := src.Tensor(name)
		t := w.dtype.of(stored)
		entries = append(entries, safetensors.Entry{Name: name, DType: plain[t], Shape: shape, Data: func(to io.Writer) error {
			return w.numbers(to, src, name, t)
		}})
	}
	if err := safetensors.WriteEntries(to, entries, metadata); err != nil {
		return err
	}
	return src.Changed()
}

// chunk is how many numbers are read, rounded and written at a time.
const chunk = 1 << 18

// numbers writes the numbers of a tensor.
func (w *writing) numbers(to io.Writer, src ldm.Tensors, name string, t ggml.Type) error {
	shape, _, _ := src.Tensor(name)
	n := total(shape)
	x, b := make([]float32, min(n, chunk)), make([]byte, 0, t.Bytes(min(n, chunk)))
	for from := 0; from < n; from += len(x) {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		x = x[:min(len(x), n-from)]
		if err := src.Float32s(name, from, x); err != nil {
			return err
		}
		b = b[:t.Bytes(len(x))]
		if err := t.Quantize(b, x); err != nil {
			return ggml.After(from, err)
		}
		if _, err := to.Write(b); err != nil {
			return err
		}
	}
	src.Release(name)
	w.progress(int64(t.Bytes(n)))
	return nil
}

func total(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// size is the bytes of the tensors of a checkpoint of types that stand alone.
func size(src ldm.Tensors, of func(stored string) ggml.Type) (bytes int64) {
	for _, name := range src.Names() {
		shape, stored, _ := src.Tensor(name)
		bytes += int64(of(stored).Bytes(total(shape)))
	}
	return bytes
}
