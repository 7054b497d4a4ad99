package diffusion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/scheduler"
)

// maxYAML bounds the configuration of the original code, which has a few KiB.
const maxYAML = 1 << 20

// beside is what a file beside a model in one file says: model.json or model.yaml for
// model.safetensors.
type beside struct {
	name       string // for errors
	keys       map[string]map[string]json.RawMessage
	prediction string
	by         string // what says so; "" is the file
	warnings   []string
}

// readBeside reads what is beside a file, if anything is.
func readBeside(ctx context.Context, fsys fs.FS, name string) (*beside, error) {
	stem := strings.TrimSuffix(name, path.Ext(name))
	b := &beside{name: name, keys: make(map[string]map[string]json.RawMessage)}
	var all map[string]json.RawMessage
	err := loader.ReadJSON(ctx, fsys, stem+".json", &all)
	switch {
	case err == nil:
		b.name = stem + ".json"
		return b, b.readJSON(all)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	for _, ext := range []string{".yaml", ".yml"} {
		text, err := loader.ReadFile(ctx, fsys, stem+ext, maxYAML)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		b.name = stem + ext
		return b, b.readYAML(text)
	}
	return b, nil
}

// readJSON takes the keys of the parts. Others, as those of a catalogue's entry, say
// nothing.
func (b *beside) readJSON(all map[string]json.RawMessage) error {
	for _, part := range []string{ldm.TextEncoder, ldm.TextEncoder2, ldm.UNet, ldm.VAE, "scheduler"} {
		raw, ok := all[part]
		if !ok {
			continue
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(raw, &keys); err != nil || keys == nil {
			return fmt.Errorf("%s: %s: have %.80s, want an object", b.name, part, raw)
		}
		b.keys[part] = keys
		delete(all, part)
	}
	if raw, ok := b.keys["scheduler"]["prediction_type"]; ok {
		if err := json.Unmarshal(raw, &b.prediction); err != nil {
			return fmt.Errorf("%s: scheduler: prediction_type: have %.80s, want a string", b.name, raw)
		}
	}
	for i, key := range slices.Sorted(maps.Keys(all)) {
		if i == maxBesideWarnings {
			b.warnings = append(b.warnings, fmt.Sprintf("%s: and %d more keys", b.name, len(all)-i))
			break
		}
		b.warnings = append(b.warnings, fmt.Sprintf("%s: have the key %.80q, which is not known and was left out", b.name, key))
	}
	return nil
}

// maxBesideWarnings bounds the keys that are named.
const maxBesideWarnings = 10

// readYAML reads a configuration of the original code, which says what is predicted.
func (b *beside) readYAML(text []byte) error {
	var config struct {
		Model struct {
			Params *struct {
				Parameterization string `yaml:"parameterization"`
			} `yaml:"params"`
		} `yaml:"model"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return fmt.Errorf("%s: %w", b.name, err)
	}
	params := config.Model.Params
	if params == nil {
		b.warnings = append(b.warnings, b.name+": have no model.params, and it was left out")
		return nil
	}
	switch p := params.Parameterization; p {
	case "v":
		b.prediction = vPrediction
	case "", "eps": // what the original code takes where nothing stands
		b.prediction = epsilon
	default:
		return fmt.Errorf("%s: model.params.parameterization: have %.80q, want eps or v", b.name, p)
	}
	return nil
}

// apply changes the configurations of the parts that the file gives.
func (b *beside) apply(m *ldm.Model, prediction string, o *LoadOptions) error {
	if m.Family == ldm.SD2 && prediction == vPrediction && m.Parts[ldm.UNet] != nil { // was trained with 768 pixels
		size := map[string]json.RawMessage{"sample_size": json.RawMessage("96")}
		if err := m.Set(ldm.UNet, size); err != nil {
			return err
		}
	}
	for _, part := range slices.Sorted(maps.Keys(b.keys)) {
		if part != "scheduler" && !o.gives(part) {
			if err := m.Set(part, b.keys[part]); err != nil {
				return err
			}
		}
	}
	return nil
}

// schedule is the model's own scheduler, with the changes.
func (b *beside) schedule(own map[string]any, prediction string) (*scheduler.Config, error) {
	config := maps.Clone(own)
	for key, raw := range b.keys["scheduler"] {
		config[key] = raw
	}
	config["prediction_type"] = prediction
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	c, err := scheduler.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	for _, w := range c.Warnings {
		b.warnings = append(b.warnings, b.name+": scheduler: "+w)
	}
	return c, nil
}
