package clip

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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
		return json.Unmarshal(data, &t.Content)
	}
	var fields struct {
		addedToken
		Special    bool  `json:"special"`
		Normalized *bool `json:"normalized"`
	}
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	t.addedToken = fields.addedToken
	t.Normalized = !fields.Special
	if fields.Normalized != nil {
		t.Normalized = *fields.Normalized
	}
	return nil
}

// readConfig reads tokenizer_config.json. It reports whether the file lists the
// added tokens itself; the other files' are then ignored.
func (f *tokenizerFiles) readConfig(r folder) (ownTokens bool, err error) {
	const name = "tokenizer_config.json"
	var config struct {
		MaxLength   *pyjson.Float         `json:"model_max_length"`
		PaddingSide string                `json:"padding_side"`
		Truncation  string                `json:"truncation_side"`
		Added       map[string]*fileToken `json:"added_tokens_decoder"`
		Extra       []*fileToken          `json:"additional_special_tokens"`
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
			return false, fmt.Errorf("clip: %s: %s: have %q, want \"right\"", r.path(name), key, side)
		}
	}
	f.maxLength = defaultMaxLength
	if config.MaxLength != nil {
		f.maxLength = float64(*config.MaxLength)
	}
	f.extra = config.Extra
	if err := f.readSpecial(r.path(name), fields, false); err != nil {
		return false, err
	}
	for key, t := range config.Added {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id > maxTokenID || t == nil {
			return false, fmt.Errorf("clip: %s: added_tokens_decoder: have %q, want an id from 0 to %d with a token", r.path(name), key, maxTokenID)
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
		f.extra = nil
		if err := json.Unmarshal(raw, &f.extra); err != nil {
			return fmt.Errorf("clip: %s: additional_special_tokens: %w", r.path("special_tokens_map.json"), err)
		}
	}
	ids := map[string]int{}
	if _, err := r.readJSON("added_tokens.json", &ids); err != nil {
		return err
	}
	for content, id := range ids {
		if err := checkID(content, id); err != nil {
			return fmt.Errorf("clip: %s: %w", r.path("added_tokens.json"), err)
		}
		f.added[id] = &fileToken{addedToken: addedToken{Content: content, Normalized: !f.isSpecial(content)}}
	}
	return nil
}

func (f *tokenizerFiles) isSpecial(content string) bool {
	for _, t := range slices.Concat(slices.Collect(maps.Values(f.special)), f.extra) {
		if t.Content == content {
			return true
		}
	}
	return false
}
