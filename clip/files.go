package clip

import (
	"fmt"
	"slices"
	"strconv"

	"sdgo/internal/pyjson"
)

// savedToken is an added token as tokenizer_config.json has it.
type savedToken struct {
	addedToken
	Special bool `json:"special"`
}

// Files returns the files of a folder that [LoadTokenizer] reads as the same tokenizer, and
// transformers as its CLIPTokenizer, by their names: vocab.json, merges.txt,
// tokenizer_config.json, special_tokens_map.json, and added_tokens.json if there are tokens
// beyond the vocabulary.
func (t *Tokenizer) Files() (map[string][]byte, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	special := map[string]string{"unk_token": t.bpe.unknown}
	for name, id := range map[string]int{"bos_token": t.BOS, "eos_token": t.EOS, "pad_token": t.Pad} {
		token, ok := t.Token(id)
		if !ok {
			return nil, fmt.Errorf("clip: %s: have id %d, want that of a token", name, id)
		}
		special[name] = token
	}
	added, decoder := map[string]int{}, map[string]savedToken{}
	for id, token := range t.added.byID {
		if _, ok := t.bpe.ids[token.Content]; !ok {
			added[token.Content] = id
		}
		decoder[strconv.Itoa(id)] = savedToken{token, !token.Normalized || slices.Contains([]int{t.BOS, t.EOS, t.Pad}, id)}
	}
	config := map[string]any{
		"add_prefix_space": false, "do_lower_case": true, "errors": "replace", "clean_up_tokenization_spaces": true,
		"model_max_length": t.MaxLength, "tokenizer_class": "CLIPTokenizer", "added_tokens_decoder": decoder,
	}
	for name, token := range special {
		config[name] = token
	}
	files := map[string][]byte{"merges.txt": t.bpe.mergesFile()}
	contents := map[string]any{"tokenizer_config.json": config, "special_tokens_map.json": special}
	if len(added) > 0 {
		contents["added_tokens.json"] = added
	}
	for name, content := range contents {
		text, err := pyjson.Object(content)
		if err != nil {
			return nil, fmt.Errorf("clip: %s: %w", name, err)
		}
		files[name] = text
	}
	var err error
	if files["vocab.json"], err = pyjson.Marshal(t.bpe.ids); err != nil {
		return nil, fmt.Errorf("clip: vocab.json: %w", err)
	}
	return files, nil
}

// mergesFile is merges.txt: a line for each merge, in the order of their ranks.
func (b *bpe) mergesFile() []byte {
	type line struct {
		pair [2]int32
		rank int32
	}
	lines := make([]line, 0, len(b.merges))
	for pair, m := range b.merges {
		lines = append(lines, line{pair, m.rank})
	}
	slices.SortFunc(lines, func(a, b line) int { return int(a.rank - b.rank) })
	text := []byte("#version: 0.2\n")
	for _, l := range lines {
		text = fmt.Appendf(text, "%s %s\n", b.tokens[int(l.pair[0])], b.tokens[int(l.pair[1])])
	}
	return text
}
