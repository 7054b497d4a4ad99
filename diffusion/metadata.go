package diffusion

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"

	"sdgo/internal/export"
)

// readMetadata takes the configurations that [Save] puts into the metadata of a file, where
// nothing beside the file says otherwise.
func (b *beside) readMetadata(name string, metadata map[string]string) error {
	text, ok := metadata[export.ConfigKey]
	if !ok {
		return nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return fmt.Errorf("%s: metadata: %s: %w", name, export.ConfigKey, err)
	}
	in := &beside{name: name + ": metadata: " + export.ConfigKey, keys: make(map[string]map[string]json.RawMessage)}
	if err := in.readJSON(all); err != nil {
		return err
	}
	for part, keys := range in.keys {
		maps.Copy(keys, b.keys[part])
		b.keys[part] = keys
	}
	if b.prediction == "" {
		b.prediction, b.by = in.prediction, in.name
	}
	b.warnings = append(b.warnings, in.warnings...)
	return nil
}

// besideFile is the file system beside a file, with the tokenizers that [Save] puts into its
// metadata where there are none beside it.
func besideFile(fsys fs.FS, metadata map[string]string) fs.FS {
	w := textFS{FS: fsys, files: make(map[string]string)}
	for _, folder := range tokenizerFolders {
		var files map[string]string
		text := metadata[export.TokenizerKey+folder]
		if isDir(fsys, folder) || json.Unmarshal([]byte(text), &files) != nil {
			continue
		}
		for name, content := range files {
			w.files[path.Join(folder, name)] = content
		}
	}
	return w
}

// textFS is a file system with some more files, which are texts in memory.
type textFS struct {
	fs.FS
	files map[string]string
}

// Open implements [fs.FS].
func (t textFS) Open(name string) (fs.File, error) {
	if content, ok := t.files[name]; ok {
		return &textFile{Reader: strings.NewReader(content), name: path.Base(name)}, nil
	}
	return t.FS.Open(name)
}

// Stat implements [fs.StatFS]. Of a folder of texts nothing else is known.
func (t textFS) Stat(name string) (fs.FileInfo, error) {
	if content, ok := t.files[name]; ok {
		return &textFile{Reader: strings.NewReader(content), name: path.Base(name)}, nil
	}
	for file := range t.files {
		if path.Dir(file) == name {
			return &textFile{Reader: strings.NewReader(""), name: path.Base(name), mode: fs.ModeDir}, nil
		}
	}
	return fs.Stat(t.FS, name)
}

// textFile is a file that is open, and what is known of it. Size is the reader's.
type textFile struct {
	*strings.Reader
	name string
	mode fs.FileMode
}

func (t *textFile) Stat() (fs.FileInfo, error) { return t, nil }
func (t *textFile) Close() error               { return nil }
func (t *textFile) Name() string               { return t.name }
func (t *textFile) Mode() fs.FileMode          { return t.mode | 0o444 }
func (t *textFile) ModTime() time.Time         { return time.Time{} }
func (t *textFile) IsDir() bool                { return t.mode.IsDir() }
func (t *textFile) Sys() any                   { return nil }
