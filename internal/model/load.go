package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"sdgo/internal/config"
	"sdgo/internal/engine"
	"sdgo/internal/loader"
	"sdgo/internal/nn"
	"sdgo/internal/regular"
	"sdgo/internal/weights"
)

// LoadOptions say how a model is loaded and run. The model packages have their
// own type with the same fields.
type LoadOptions struct {
	Variant   string
	Precision string
	Threads   int
	MaxMemory int64
	Session   *Session
}

// Kind is a kind of models: its name in errors, the class that a config.json must be
// of, empty if any, and the name of its weight files.
type Kind struct{ Name, Class, Base string }

// Load loads the model in a folder: define decodes the config and asks
// params for the weights. It returns ctx's error soon after ctx is done.
func Load(ctx context.Context, kind Kind, fsys fs.FS, dir string, o LoadOptions, define func(config []byte, p *nn.Params) error) (*Model, error) {
	name, base := kind.Name, kind.Base
	if fsys == nil {
		return nil, fmt.Errorf("%s: have no file system to load from", name)
	}
	var keys map[string]json.RawMessage
	file := path.Join(dir, "config.json")
	if err := loader.ReadJSON(ctx, fsys, file, &keys); err != nil {
		if _, found := regular.Mode(fsys, path.Join(dir, "model_index.json")); found == nil && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("have the folder of a pipeline, want that of one model in it: %w", err)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if kind.Class != "" {
		if err := config.CheckClass(keys, kind.Class); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, file, err)
		}
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", name, file, err)
	}
	src, err := open(ctx, fsys, dir, base, o.Variant)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m, err := New(ctx, name, src, o, func(p *nn.Params) error { return define(text, p) })
	if err != nil {
		src.Close()
		return nil, err
	}
	if w, ok := src.(interface{ Warning() string }); ok && w.Warning() != "" {
		m.warnings = []string{w.Warning()}
	}
	return m, nil
}

// open opens the weights in a folder.
func open(ctx context.Context, fsys fs.FS, dir, base, variant string) (weights.Source, error) {
	if _, ok := fsys.(loader.Random); ok {
		return loader.NewRandom(), nil
	}
	return loader.Open(ctx, fsys, dir, base, variant)
}

// New makes a model of the tensors of src, which it takes over if it
// succeeds. The weights are loaded, unless the session holds that back.
func New(ctx context.Context, name string, src weights.Source, o LoadOptions, define func(p *nn.Params) error) (*Model, error) {
	format, err := weights.ParsePrecision(o.Precision)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := o.Session
	m := &Model{name: name, owns: s == nil}
	if s == nil {
		eng, err := engine.New(&engine.Options{Threads: o.Threads, MaxMemory: o.MaxMemory})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s = NewSession(eng)
	}
	m.eng, m.src = s.Engine, src
	m.params = nn.NewParams(name, src, format)
	m.fixed = o.Precision != ""
	if err := define(m.params); err != nil {
		return nil, err
	}
	if err := m.params.Check(name); err != nil {
		return nil, err
	}
	s.models = append(s.models, m)
	if s.held {
		return m, nil
	}
	return m, s.Load(ctx)
}

// load loads the weights and closes the files that they came from.
func (m *Model) load(ctx context.Context) error {
	ws, err := weights.Load(ctx, m.name, m.src, m.params.All(), m.eng)
	if err != nil {
		return err
	}
	m.weights = ws
	if err := m.src.Close(); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}
