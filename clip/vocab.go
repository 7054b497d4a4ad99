package clip

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sdgo/internal/loader"
	"sdgo/internal/pyjson"
)

// maxTokenizerFile bounds what is read of one file; CLIP's largest has 2 MB.
const maxTokenizerFile = 16 << 20

// maxTokenID bounds the ids of a vocabulary; CLIP's largest is 49407.
const maxTokenID = 1<<24 - 1

// tokenizerFiles is what the files of a tokenizer folder say.
type tokenizerFiles struct {
	vocab     map[string]int
	merges    [][2]string
	special   map[string]*fileToken // by name
	extra     []fileToken           // additional special tokens
	added     map[int]*fileToken    // with the ids that the files claim
	maxLength float64
	source    string // the file of the vocabulary, for errors
}

// readTokenizerFiles reads tokenizer.json if there is one, else vocab.json and
// merges.txt, and with them tokenizer_config.json, special_tokens_map.json and
// added_tokens.json, which may be missing.
func readTokenizerFiles(ctx context.Context, fsys fs.FS, dir string) (*tokenizerFiles, error) {
	f := &tokenizerFiles{special: map[string]*fileToken{}, added: map[int]*fileToken{}}
	r := folder{ctx, fsys, dir}
	ownTokens, err := f.readConfig(r)
	if err != nil {
		return nil, err
	}
	if !ownTokens {
		if err := f.readLegacyTokens(r); err != nil {
			return nil, err
		}
	}
	found, err := f.readTokenizerJSON(r, !ownTokens)
	if err != nil || found {
		return f, err
	}
	return f, f.readVocab(r)
}

// folder reads the files of one folder.
type folder struct {
	ctx  context.Context
	fsys fs.FS
	dir  string
}

func (f folder) path(name string) string { return path.Join(f.dir, name) }

func (f folder) read(name string) ([]byte, error) {
	data, err := loader.ReadFile(f.ctx, f.fsys, f.path(name), maxTokenizerFile)
	if err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	return data, nil
}

// readJSON decodes a file into v; found is false if there is none.
func (f folder) readJSON(name string, v any) (found bool, err error) {
	data, err := f.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = pyjson.Unmarshal(data, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return false, fmt.Errorf("clip: %s: line %d: %w", f.path(name), lineOf(data, syntax.Offset), err)
	case errors.As(err, &kind):
		return false, fmt.Errorf("clip: %s: line %d: %s: have a %s, want %v",
			f.path(name), lineOf(data, kind.Offset), cmp.Or(kind.Field, "the whole"), kind.Value, kind.Type)
	case err != nil:
		return false, fmt.Errorf("clip: %s: %w", f.path(name), err)
	}
	return true, nil
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
}

// readTokenizerJSON reads vocabulary and merges, and on request the added
// tokens, of tokenizer.json. Its other parts are those of every CLIP tokenizer.
func (f *tokenizerFiles) readTokenizerJSON(r folder, tokens bool) (found bool, err error) {
	const name = "tokenizer.json"
	var file struct {
		Added []json.RawMessage `json:"added_tokens"`
		Model struct {
			Type   string            `json:"type"`
			Vocab  map[string]*int   `json:"vocab"`
			Merges []json.RawMessage `json:"merges"`
		} `json:"model"`
	}
	if found, err := r.readJSON(name, &file); err != nil || !found {
		return false, err
	}
	f.source = r.path(name)
	if file.Model.Type != "BPE" && file.Model.Type != "" {
		return false, fmt.Errorf("clip: %s: model.type: have %.80q, want \"BPE\"", f.source, file.Model.Type)
	}
	if f.vocab, err = tokenIDs(file.Model.Vocab); err != nil {
		return false, fmt.Errorf("clip: %s: model.vocab: %w", f.source, err)
	}
	for i, raw := range file.Model.Merges {
		pair, err := parseJSONMerge(raw)
		if err != nil {
			return false, fmt.Errorf("clip: %s: model.merges[%d]: %w", f.source, i, err)
		}
		f.merges = append(f.merges, pair)
	}
	for i, raw := range file.Added {
		var id struct{ ID *int }
		t := new(fileToken)
		if err := errors.Join(json.Unmarshal(raw, &id), json.Unmarshal(raw, t)); err != nil {
			return false, fmt.Errorf("clip: %s: added_tokens[%d]: %w", f.source, i, err)
		}
		if id.ID == nil || *id.ID < 0 || *id.ID > maxTokenID {
			return false, fmt.Errorf("clip: %s: added_tokens[%d]: want an id from 0 to %d", f.source, i, maxTokenID)
		}
		if tokens {
			f.added[*id.ID] = t
		}
	}
	return true, f.checkVocab()
}

// parseJSONMerge reads "a b" or ["a", "b"].
func parseJSONMerge(raw json.RawMessage) (pair [2]string, err error) {
	var parts []string
	var line string
	if json.Unmarshal(raw, &line) == nil {
		parts = strings.Split(line, " ")
	} else if err := json.Unmarshal(raw, &parts); err != nil {
		return pair, err
	}
	if len(parts) != 2 {
		return pair, fmt.Errorf("have %d symbols, want 2", len(parts))
	}
	return [2]string(parts), nil
}

// readVocab reads vocab.json and merges.txt.
func (f *tokenizerFiles) readVocab(r folder) error {
	f.source = r.path("vocab.json")
	found := false
	var err error
	if f.vocab, found, err = r.readIDs("vocab.json"); err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("clip: %s: have neither vocab.json nor tokenizer.json: %w", cmp.Or(r.dir, "."), fs.ErrNotExist)
	}
	if err := f.checkVocab(); err != nil {
		return err
	}
	data, err := r.read("merges.txt")
	if err != nil {
		return err
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" || strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return fmt.Errorf("clip: %s: line %d: have %.80q, want two symbols and one space", r.path("merges.txt"), number, line)
		}
		for _, s := range []string{left, right, left + right} {
			if _, ok := f.vocab[s]; !ok {
				return fmt.Errorf("clip: %s: line %d: %.80q is not in vocab.json", r.path("merges.txt"), number, s)
			}
		}
		f.merges = append(f.merges, [2]string{left, right})
	}
	return nil
}

func (f *tokenizerFiles) checkVocab() error {
	if len(f.vocab) == 0 {
		return fmt.Errorf("clip: %s: have no tokens", f.source)
	}
	return nil
}

// readIDs reads a file of tokens and their ids; found is false if there is none.
func (f folder) readIDs(name string) (ids map[string]int, found bool, err error) {
	var file map[string]*int
	if found, err = f.readJSON(name, &file); err != nil {
		return nil, false, err
	}
	if ids, err = tokenIDs(file); err != nil {
		return nil, false, fmt.Errorf("clip: %s: %w", f.path(name), err)
	}
	return ids, found, nil
}

// tokenIDs wants an id that can be one for every token of a file.
func tokenIDs(file map[string]*int) (map[string]int, error) {
	ids := make(map[string]int, len(file))
	for token, id := range file {
		if id == nil {
			return nil, fmt.Errorf("%.80q: have null, want an id from 0 to %d", token, maxTokenID)
		}
		if err := checkID(token, *id); err != nil {
			return nil, err
		}
		ids[token] = *id
	}
	return ids, nil
}

func checkID(token string, id int) error {
	if id < 0 || id > maxTokenID {
		return fmt.Errorf("%.80q: have id %d, want 0 to %d", token, id, maxTokenID)
	}
	return nil
}
