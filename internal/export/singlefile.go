package export

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"sdgo/internal/gguf"
	"sdgo/internal/ldm"
	"sdgo/internal/pyjson"
)

// Keys of a file's metadata that say what no tensor tells.
const (
	// ConfigKey is a JSON object like that of a file beside the model: the configurations
	// of its parts, and of the scheduler.
	ConfigKey = "sdgo.config"
	// TokenizerKey is followed by the name of a tokenizer's folder. The value is a JSON
	// object of the texts of its files.
	TokenizerKey = "sdgo."
)

// The marks of models that differ from the published ones of Stable Diffusion XL in what
// they predict, and in their noise levels, as other tools read and write them.
const (
	markV     = "v_pred"
	markZeros = "ztsnr" // the last level is noise alone
)

// composed lays the parts of a model out in one file.
func (m *Model) composed() (*ldm.Composed, error) {
	parts := make(map[string]ldm.Tensors)
	for name, part := range m.Parts {
		parts[name] = part
	}
	c, err := ldm.Compose(m.Family, parts)
	if err != nil || m.Family != ldm.SDXL || !m.V {
		return c, err
	}
	c.Mark(markV)
	var scheduler struct {
		Zeros bool `json:"rescale_betas_zero_snr"`
	}
	if err := pyjson.Unmarshal(m.Scheduler, &scheduler); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	if scheduler.Zeros {
		c.Mark(markZeros)
	}
	return c, nil
}

// safetensors writes a model in the layout of the original code.
func (w *writing) safetensors(to io.Writer, m *Model) error {
	c, err := m.composed()
	if err != nil {
		return err
	}
	metadata, err := m.metadata()
	if err != nil {
		return err
	}
	maps.Copy(metadata, pytorch)
	w.total = size(c, w.dtype.of)
	return w.tensors(to, c, metadata)
}

// gguf writes a model in the layout of the original code as stable-diffusion.cpp does.
func (w *writing) gguf(to io.Writer, m *Model) error {
	c, err := m.composed()
	if err != nil {
		return err
	}
	metadata, err := m.metadata()
	if err != nil {
		return err
	}
	fields := []gguf.Field{{Key: "general.architecture", Value: architectures[m.Family].gguf}}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		fields = append(fields, gguf.Field{Key: key, Value: metadata[key]})
	}
	var tensors []gguf.Tensor
	for _, name := range slices.Sorted(slices.Values(c.Names())) {
		shape, stored, _ := c.Tensor(name)
		n := total(shape)
		t := gguf.Tensor{Name: name, Shape: shape, Type: w.dtype.inGGUF(name, stored, shape)}
		bytes := int64(t.Type.Bytes(n))
		w.total += bytes
		t.Float32s = func(from int, dst []float32) error {
			if err := c.Float32s(name, from, dst); err != nil {
				return err
			}
			if from+len(dst) == n {
				c.Release(name)
				w.progress(bytes)
			}
			return nil
		}
		tensors = append(tensors, t)
	}
	if err := gguf.Write(w.ctx, to, fields, tensors); err != nil {
		return err
	}
	return c.Changed()
}

// architectures are what models are called in metadata.
//
// https://github.com/Stability-AI/ModelSpec
var architectures = map[ldm.Family]struct{ spec, gguf string }{
	ldm.SD1:         {"stable-diffusion-v1", "sd1"},
	ldm.SD2:         {"stable-diffusion-v2", "sd2"},
	ldm.SDXL:        {"stable-diffusion-xl-v1-base", "sdxl"},
	ldm.SDXLRefiner: {"stable-diffusion-xl-v1-refiner", "sdxl_refiner"},
}

// metadata are what a file says beside its tensors.
func (m *Model) metadata() (map[string]string, error) {
	architecture, ok := architectures[m.Family]
	if !ok {
		return nil, fmt.Errorf("have a model of the family %q, which has no layout in one file", m.Family)
	}
	prediction := "epsilon"
	if m.V {
		prediction = "v"
	}
	metadata := map[string]string{
		"modelspec.sai_model_spec": "1.0.0", "modelspec.architecture": architecture.spec,
		"modelspec.title": string(m.Family), "modelspec.prediction_type": prediction,
	}
	config := make(map[string]json.RawMessage)
	for name, part := range m.Parts {
		if config[name] = part.Config(); config[name] == nil {
			return nil, fmt.Errorf("%s: have no configuration", name)
		}
	}
	var err error
	if config["scheduler"], err = words(m.Scheduler); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	metadata[ConfigKey] = string(text)
	for _, name := range m.Own {
		files := make(map[string]string)
		for file, content := range m.Tokenizers[name] {
			files[file] = string(content)
		}
		text, err := json.Marshal(files)
		if err != nil {
			return nil, err
		}
		metadata[TokenizerKey+name] = string(text)
	}
	return metadata, nil
}
