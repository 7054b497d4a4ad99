package clip

import (
	"encoding/json"
	"fmt"
	"strconv"

	"sdgo/internal/pyjson"
)

// specialNames are the named tokens in the order in which they are added.
var specialNames = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// fileToken is a token in a file: a text, or an object with the token's rules.
// A text, and so the pad token of most models, is found in the raw prompt.
type fileToken struct {
	addedToken
	isText bool
}

func (t *fileToken) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		t.isText = true
		if err := json.Unmarshal(data, &t.Content); err != nil {
			return err
		}
		return checkAdded(t.Content)
	}
	if len(data) == 0 || data[0] != '{' {
		return fmt.Errorf("have %.80s, want a token: a text or an object", data)
	}
	var fields struct {
		addedToken
		Content    *string `json:"content"`
		Special    bool    `json:"special"`
		Normalized *bool   `json:"normalized"`
	}
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	if fields.Content == nil {
		return fmt.Errorf("have an object without content, want a token")
	}
	t.addedToken = fields.addedToken
	t.Content = *fields.Content
	t.Normalized = !fields.Special
	if fields.Normalized != nil {
		t.Normalized = *fields.Normalized
	}
	return checkAdded(t.Content)
}

// extraTokens decodes a list of additional special tokens.
func extraTokens(list []json.RawMessage) ([]fileToken, error) {
	tokens := make([]fileToken, len(list))
	for i, raw := range list {
		if err := json.Unmarshal(raw, &tokens[i]); err != nil {
			return nil, fmt.Errorf("additional_special_tokens[%d]: %w", i, err)
		}
	}
	return tokens, nil
}

// readConfig reads tokenizer_config.json. It reports whether the file lists the
// added tokens itself; the other files' are then ignored.
func (f *tokenizerFiles) readConfig(r folder) (ownTokens bool, err error) {
	const name = "tokenizer_config.json"
	var config struct {
		MaxLength   *pyjson.Float              `json:"model_max_length"`
		PaddingSide string                     `json:"padding_side"`
		Truncation  string                     `json:"truncation_side"`
		Added       map[string]json.RawMessage `json:"added_tokens_decoder"`
		Extra       []json.RawMessage          `json:"additional_special_tokens"`
	}
	fields := map[string]json.RawMessage{}
	if _, err := r.readJSON(name, &fields); err != nil {
		return false, err
	}
	if _, err := r.readJSON(name, &config); err != nil {
		return false, err
	}
	for key, side := range map[string]string{"padding_side": config.PaddingSide, "truncation_side": config.Truncation} {
		if side != "" && side != "right" {
			return false, fmt.Errorf("clip: %s: %s: have %.80q, want \"right\"", r.path(name), key, side)
		}
	}
	f.maxLength = defaultMaxLength
	if config.MaxLength != nil {
		f.maxLength = float64(*config.MaxLength)
	}
	if f.extra, err = extraTokens(config.Extra); err != nil {
		return false, fmt.Errorf("clip: %s: %w", r.path(name), err)
	}
	if err := f.readSpecial(r.path(name), fields, false); err != nil {
		return false, err
	}
	for key, raw := range config.Added {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id > maxTokenID {
			return false, fmt.Errorf("clip: %s: added_tokens_decoder: have %.80q, want an id from 0 to %d with a token", r.path(name), key, maxTokenID)
		}
		t := new(fileToken)
		if err := json.Unmarshal(raw, t); err != nil {
			return false, fmt.Errorf("clip: %s: added_tokens_decoder: %d: %w", r.path(name), id, err)
		}
		f.added[id] = t
	}
	return config.Added != nil, nil
}

// readSpecial takes the named tokens from the fields of a file.
func (f *tokenizerFiles) readSpecial(file string, fields map[string]json.RawMessage, special bool) error {
	for _, name := range specialNames {
		raw := fields[name]
		if raw == nil || string(raw) == "null" {
			continue
		}
		t := new(fileToken)
		if err := json.Unmarshal(raw, t); err != nil {
			return fmt.Errorf("clip: %s: %s: %w", file, name, err)
		}
		var has struct{ Normalized *bool }
		if special && !t.isText && json.Unmarshal(raw, &has) == nil && has.Normalized == nil {
			t.Normalized = false
		}
		if t.Content == "" {
			return fmt.Errorf("clip: %s: %s: have an empty token", file, name)
		}
		f.special[name] = t
	}
	return nil
}

// readLegacyTokens reads special_tokens_map.json and added_tokens.json.
func (f *tokenizerFiles) readLegacyTokens(r folder) error {
	fields := map[string]json.RawMessage{}
	if _, err := r.readJSON("special_tokens_map.json", &fields); err != nil {
		return err
	}
	if err := f.readSpecial(r.path("special_tokens_map.json"), fields, true); err != nil {
		return err
	}
	if raw, ok := fields["additional_special_tokens"]; ok {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("clip: %s: additional_special_tokens: %w", r.path("special_tokens_map.json"), err)
		}
		var err error
		if f.extra, err = extraTokens(list); err != nil {
			return fmt.Errorf("clip: %s: %w", r.path("special_tokens_map.json"), err)
		}
	}
	ids, _, err := r.readIDs("added_tokens.json")
	if err != nil {
		return err
	}
	special := map[string]bool{}
	for _, t := range f.special {
		special[t.Content] = true
	}
	for _, t := range f.extra {
		special[t.Content] = true
	}
	for content, id := range ids {
		if err := checkAdded(content); err != nil {
			return fmt.Errorf("clip: %s: %w", r.path("added_tokens.json"), err)
		}
		if other, ok := f.added[id]; ok {
			return fmt.Errorf("clip: %s: %.80q and %.80q have the same id %d", r.path("added_tokens.json"), min(other.Content, content), max(other.Content, content), id)
		}
		f.added[id] = &fileToken{addedToken: addedToken{Content: content, Normalized: !special[content]}}
	}
	return nil
}
