package clip

import (
	"context"
	"fmt"
	"strings"
	"unicode"
)

// Encoding is a prompt as a text encoder takes it.
type Encoding struct {
	// IDs has MaxLength ids: BOS, those of the prompt, EOS, padding.
	IDs []int

	// Mask is 1 for BOS, prompt and EOS, and 0 for padding.
	Mask []int

	// Truncated has the ids of the prompt that found no place, nil if none,
	// and TruncatedText the text that they stand for.
	Truncated     []int
	TruncatedText string
}

// Tokens returns the ids of a text of any length, without BOS, EOS and padding.
// What is not UTF-8 counts as U+FFFD. The time grows as n log n with the text.
func (t *Tokenizer) Tokens(text string) []int {
	if t.ready() != nil {
		return nil
	}
	return t.tokens(nil, text)
}

// TokensContext is [Tokenizer.Tokens] for texts of any size: it returns ctx's error soon after
// ctx is done. It is an error if the tokenizer was not loaded.
func (t *Tokenizer) TokensContext(ctx context.Context, text string) ([]int, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, fmt.Errorf("clip: have a nil context, want one")
	}
	p := &poll{ctx: ctx, err: ctx.Err()}
	ids := t.tokens(p, text)
	if err := p.done(); err != nil {
		return nil, err
	}
	return ids, nil
}

func (t *Tokenizer) tokens(p *poll, text string) []int {
	var ids []int
	t.added.split(p, decodeUTF8(p, text),
		func(id int) {
			if all, ok := t.added.vectors[id]; ok {
				ids = append(ids, all...)
				return
			}
			ids = append(ids, id)
		},
		func(piece string) {
			splitWords(p, piece, func(word string) { ids = t.bpe.appendWord(p, ids, word) })
		})
	return ids
}

// Encode returns the ids of a prompt, padded or truncated to MaxLength. It returns
// nothing where EncodeContext gives an error.
func (t *Tokenizer) Encode(text string) Encoding {
	e, _ := t.EncodeContext(context.Background(), text)
	return e
}

// EncodeContext is Encode for prompts of any size: it returns ctx's error soon after
// ctx is done. It is an error if MaxLength is out of its range, or the tokenizer was
// not loaded.
func (t *Tokenizer) EncodeContext(ctx context.Context, text string) (Encoding, error) {
	if err := t.ready(); err != nil {
		return Encoding{}, err
	}
	if ctx == nil {
		return Encoding{}, fmt.Errorf("clip: have a nil context, want one")
	}
	if t.MaxLength < 2 || t.MaxLength > maxMaxLength {
		return Encoding{}, fmt.Errorf("clip: tokenizer: have a MaxLength of %d, want 2 to %d", t.MaxLength, maxMaxLength)
	}
	p := &poll{ctx: ctx, err: ctx.Err()}
	ids := t.tokens(p, text)
	e := Encoding{IDs: make([]int, 0, t.MaxLength), Mask: make([]int, t.MaxLength)}
	if room := t.MaxLength - 2; len(ids) > room {
		e.Truncated = ids[room:]
		e.TruncatedText = t.decode(p, e.Truncated)
		ids = ids[:room]
	}
	if err := p.done(); err != nil {
		return Encoding{}, err
	}
	e.IDs = append(append(append(e.IDs, t.BOS), ids...), t.EOS)
	for i := range e.IDs {
		e.Mask[i] = 1
	}
	for len(e.IDs) < t.MaxLength {
		e.IDs = append(e.IDs, t.Pad)
	}
	return e, nil
}

// Decode returns the text of ids: lower case, a space after every word. It
// leaves out ids that are no tokens.
func (t *Tokenizer) Decode(ids []int) string {
	if t.ready() != nil {
		return ""
	}
	return t.decode(nil, ids)
}

func (t *Tokenizer) decode(p *poll, ids []int) string {
	var text []byte
	for _, id := range ids {
		if p.stop() {
			return ""
		}
		if a, ok := t.added.byID[id]; ok {
			text = appendBytes(text, t.added.pattern(a))
			continue
		}
		text = appendBytes(text, t.bpe.tokens[id])
	}
	words := strings.ReplaceAll(decodeUTF8(p, string(text)), wordEnd, " ")
	return strings.TrimFunc(words, func(r rune) bool {
		return unicode.IsSpace(r) || '\x1c' <= r && r <= '\x1f' // as Python's strip
	})
}
