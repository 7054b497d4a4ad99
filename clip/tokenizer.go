package clip

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"sdgo/internal/quote"
)

// defaultMaxLength is the number of tokens that CLIP was trained on. It stands
// for a model_max_length that is missing or above maxMaxLength: transformers
// writes 1e30 for "not known".
const (
	defaultMaxLength = 77
	maxMaxLength     = 1 << 16
)

// Tokenizer turns prompts into the token ids of CLIP. It gives the ids of
// CLIPTokenizer of transformers 5: text is normalized (NFC, white space, lower
// case), split into words, and each word into byte pairs. Radford et al.
// (2021), section 2.4.
//
// A Tokenizer is safe for concurrent use.
//
// https://arxiv.org/abs/2103.00020
type Tokenizer struct {
	// BOS and EOS begin and end every Encoding, Pad fills it. SD 1 pads with
	// EOS, SD 2 with "!", which is then special in prompts, too.
	BOS, EOS, Pad int

	// MaxLength is the number of ids in an Encoding, BOS and EOS included: 2 to
	// 65536.
	MaxLength int

	bpe   *bpe
	added *addedTokens
	size  int
}

// LoadTokenizer reads the tokenizer folder of a model in diffusers layout:
// vocab.json and merges.txt, or tokenizer.json, which wins; and if they exist
// tokenizer_config.json, special_tokens_map.json and added_tokens.json. The
// names of folder and files are as in fs.FS. An error names file and line or
// key; it is an fs.ErrNotExist if there is no vocabulary.
func LoadTokenizer(fsys fs.FS, dir string) (*Tokenizer, error) {
	return LoadTokenizerContext(context.Background(), fsys, dir)
}

// LoadTokenizerContext is [LoadTokenizer] that returns ctx's error soon after ctx is
// done.
func LoadTokenizerContext(ctx context.Context, fsys fs.FS, dir string) (_ *Tokenizer, err error) {
	defer func() { err = quote.Error(err) }()
	f, err := readTokenizerFiles(ctx, fsys, dir)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{MaxLength: defaultMaxLength}
	if f.maxLength <= maxMaxLength {
		t.MaxLength = int(f.maxLength)
	}
	if !(f.maxLength >= 2) || f.maxLength <= maxMaxLength && float64(t.MaxLength) != f.maxLength {
		return nil, fmt.Errorf("clip: %s: model_max_length: have %v, want a whole number from 2", folder{ctx, fsys, dir}.path("tokenizer_config.json"), f.maxLength)
	}
	for name, content := range map[string]string{
		"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
	} {
		if f.special[name] == nil {
			f.special[name] = &fileToken{addedToken{Content: content}, true}
		}
	}
	if t.bpe, err = newBPE(f.vocab, f.merges, f.special["unk_token"].Content); err != nil {
		return nil, fmt.Errorf("clip: %s: %w", f.source, err)
	}
	if err := t.addFileTokens(f); err != nil {
		return nil, err
	}
	t.BOS = t.mustID(f.special["bos_token"].Content)
	t.EOS = t.mustID(f.special["eos_token"].Content)
	t.Pad = t.mustID(f.special["pad_token"].Content)
	return t, nil
}

// addFileTokens adds the tokens of the files in the order of transformers, in
// which a later one replaces the rules of an earlier one with the same text:
// those with an id, named ones, additional ones.
func (t *Tokenizer) addFileTokens(f *tokenizerFiles) error {
	var tokens []fileToken
	contents := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(f.added)) {
		tokens = append(tokens, *f.added[id])
		contents[f.added[id].Content] = true
	}
	var others []*fileToken
	for _, name := range specialNames {
		others = append(others, f.special[name])
	}
	known := map[fileToken]bool{}
	for _, s := range tokens {
		known[s] = true
	}
	for i := range f.extra {
		others = append(others, &f.extra[i])
	}
	for _, s := range others {
		if s != nil && !contents[s.Content] && !known[*s] {
			tokens = append(tokens, *s)
			known[*s] = true
		}
	}
	plain := make([]addedToken, len(tokens))
	for i, s := range tokens {
		plain[i] = s.addedToken
	}
	t.add(plain)
	for id, s := range f.added {
		if have := t.mustID(s.Content); have != id {
			return fmt.Errorf("clip: %s: added token %.80q: have id %d, want %d, the next after the vocabulary", f.source, s.Content, id, have)
		}
	}
	return nil
}

// add adds tokens: with their id in the vocabulary, or the next free one.
func (t *Tokenizer) add(tokens []addedToken) {
	byID, ids, vectors := map[int]addedToken{}, map[string]int{}, map[int][]int(nil)
	if t.added != nil {
		byID, ids, vectors = maps.Clone(t.added.byID), maps.Clone(t.added.ids), t.added.vectors
	}
	next := len(t.bpe.ids)
	for id := range byID {
		next = max(next, id+1)
	}
	for _, token := range tokens {
		if token.Content == "" {
			continue
		}
		id, ok := ids[token.Content]
		if !ok {
			id, ok = t.bpe.ids[token.Content]
		}
		if !ok {
			id = next
			next++
		}
		token.id = id
		byID[id], ids[token.Content] = token, id
	}
	t.added = newAddedTokens(byID, ids, vectors)

	t.size = next
	for id := range t.bpe.tokens {
		t.size = max(t.size, id+1)
	}
}

// WithTokens returns a tokenizer that also knows new tokens, as textual
// inversion needs them, and their ids: the next ones, in order. They are found
// in the normalized prompt, so upper case and lower case are the same. The
// receiver stays as it is.
func (t *Tokenizer) WithTokens(tokens ...string) (*Tokenizer, []int, error) {
	if err := t.ready(); err != nil {
		return nil, nil, err
	}
	c := *t
	plain := make([]addedToken, len(tokens))
	known := map[string]bool{}
	for i, content := range tokens {
		if _, ok := t.TokenID(content); ok || content == "" || known[content] {
			return nil, nil, fmt.Errorf("clip: new token %.80q: want a text that is no token yet", content)
		}
		if err := checkAdded(content); err != nil {
			return nil, nil, fmt.Errorf("clip: %w", err)
		}
		known[content] = true
		plain[i] = addedToken{Content: content, Normalized: true}
	}
	c.add(plain)
	ids := make([]int, len(tokens))
	for i, content := range tokens {
		ids[i] = c.mustID(content)
	}
	return &c, ids, nil
}

// TokenID returns the id of a token as it stands in vocab.json, or of an added
// token.
func (t *Tokenizer) TokenID(token string) (id int, ok bool) {
	if t.ready() != nil {
		return 0, false
	}
	if id, ok = t.added.ids[token]; !ok {
		id, ok = t.bpe.ids[token]
	}
	return id, ok
}

// Token returns the token with an id as it stands in vocab.json, or an added one:
// the reverse of TokenID.
func (t *Tokenizer) Token(id int) (token string, ok bool) {
	if t.ready() != nil {
		return "", false
	}
	if a, ok := t.added.byID[id]; ok {
		return a.Content, true
	}
	token, ok = t.bpe.tokens[id]
	return token, ok
}

// mustID is TokenID of a token that was added.
func (t *Tokenizer) mustID(token string) int {
	id, _ := t.TokenID(token)
	return id
}

// Size returns the number of ids: all are below it.
func (t *Tokenizer) Size() int {
	if t == nil {
		return 0
	}
	return t.size
}

// ready wants a tokenizer that was loaded.
func (t *Tokenizer) ready() error {
	if t == nil || t.bpe == nil || t.added == nil {
		return fmt.Errorf("clip: have a tokenizer that was not loaded, want one from LoadTokenizer")
	}
	return nil
}
