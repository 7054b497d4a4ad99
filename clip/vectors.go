package clip

import (
	"context"
	"fmt"
	"maps"
	"strings"
)

// maxExpanded bounds the length in bytes of an expanded prompt.
const maxExpanded = 64 << 20

// vector is the token of vector i of a textual inversion called token; that of vector
// 0 is the token itself.
func vector(token string, i int) string { return fmt.Sprintf("%s_%d", token, i) }

// maxVectors is the most vectors of a textual inversion: a text encoder reads 75 tokens.
const maxVectors = 1 << 10

// WithVectors returns a tokenizer that also knows a textual inversion of n vectors, 1 to
// 1024, and their ids: the next ones, in order. Its token in a prompt becomes all of them,
// in upper case or lower case, and the longest token first where there are several. The
// vectors have tokens of their own, too, "<t>" and then "<t>_1" to "<t>_n-1", of which the
// others stand for one vector each. It is an error if there is such a token, an added one
// or one of the vocabulary, in its own or in lower case. The receiver stays as it is, and
// Expand leaves the token alone.
//
// For names in lower case the ids are those of diffusers with maybe_convert_prompt. Where
// the name or the prompt has upper case transformers 5 leaves all vectors but the first
// out.
func (t *Tokenizer) WithVectors(token string, n int) (*Tokenizer, []int, error) {
	if err := t.ready(); err != nil {
		return nil, nil, err
	}
	if n < 1 || n > maxVectors {
		return nil, nil, fmt.Errorf("clip: new token %.80q: have %d vectors, want 1 to %d", token, n, maxVectors)
	}
	known := make(map[string]string) // tokens, by what they are in prompts
	for _, a := range t.added.byID {
		known[t.added.pattern(a)] = a.Content
	}
	names := make([]string, n)
	for i := range names {
		if names[i] = token; i > 0 {
			names[i] = vector(token, i)
		}
		if err := t.free(names[i], known); err != nil {
			return nil, nil, err
		}
	}
	if strings.TrimSpace(normalize(nil, token)) == "" {
		return nil, nil, fmt.Errorf("clip: new token %.80q: want a text that is not empty", token)
	}
	c, ids, err := t.WithTokens(names...)
	if err != nil {
		return nil, nil, err
	}
	vectors := maps.Clone(c.added.vectors)
	if vectors == nil {
		vectors = make(map[int][]int)
	}
	vectors[ids[0]] = ids
	c.added.vectors = vectors // WithTokens has made c.added
	delete(c.added.several, ids[0])
	return c, ids, nil
}

// free wants a name that is found in prompts where no token is that there is already, of
// which known are the added ones.
func (t *Tokenizer) free(name string, known map[string]string) error {
	found := normalize(nil, name)
	for _, text := range []string{name, found} {
		if _, ok := t.added.ids[text]; ok {
			return fmt.Errorf("clip: new token %.80q: there is one already, want another name", name)
		}
		if _, ok := t.bpe.ids[text]; ok {
			return fmt.Errorf("clip: new token %.80q: %.80q is a token of the vocabulary, want another name", name, text)
		}
	}
	if other, ok := known[found]; ok {
		return fmt.Errorf("clip: new token %.80q: there is %.80q already, which is the same in lower case, want another name", name, other)
	}
	return nil
}

// Expand puts the tokens of all vectors of a textual inversion in the place of the
// first: it changes every "<t>" in the prompt to "<t> <t>_1 <t>_2", if <t>, <t>_1 and
// <t>_2 are added tokens and the prompt has <t> as a token. That is
// maybe_convert_prompt of diffusers' pipelines, and like there it is done to the text:
// upper case stays as it is, and a "<t>_1" beside a "<t>" has a "<t>" inside, which is
// changed. It returns ctx's error soon after ctx is done.
//
// Gal et al. (2022), section 3.
// https://arxiv.org/abs/2208.01618
func (t *Tokenizer) Expand(ctx context.Context, prompt string) (string, error) {
	if err := t.ready(); err != nil {
		return "", err
	}
	if ctx == nil {
		return "", fmt.Errorf("clip: have a nil context, want one")
	}
	if len(t.added.several) == 0 {
		return prompt, ctx.Err()
	}
	p := &poll{ctx: ctx, err: ctx.Err()}
	var tokens []string
	seen := map[int]bool{}
	for _, id := range t.tokens(p, prompt) {
		if token, ok := t.added.several[id]; ok && !seen[id] {
			seen[id] = true
			tokens = append(tokens, token)
		}
	}
	for _, token := range tokens {
		all, err := t.vectors(p, token)
		if err != nil {
			return "", err
		}
		grown := int64(strings.Count(prompt, token))*int64(len(all)-len(token)) + int64(len(prompt))
		if grown > maxExpanded {
			return "", fmt.Errorf("clip: prompt: have %d bytes with all vectors of %.80q, want at most %d", grown, token, maxExpanded)
		}
		prompt = strings.ReplaceAll(prompt, token, all)
	}
	return prompt, p.done()
}

// vectors returns the tokens of a textual inversion.
func (t *Tokenizer) vectors(p *poll, token string) (string, error) {
	var all strings.Builder
	all.WriteString(token)
	for i := 1; !p.stop(); i++ {
		next := vector(token, i)
		if _, ok := t.added.ids[next]; !ok {
			break
		}
		if all.Len() > maxExpanded {
			return "", fmt.Errorf("clip: prompt: the vectors of %.80q have more than %d bytes", token, maxExpanded)
		}
		all.WriteString(" " + next)
	}
	return all.String(), nil
}
