package clip

import (
	"context"
	"fmt"
	"strings"
)

// maxExpanded bounds the length in bytes of an expanded prompt.
const maxExpanded = 64 << 20

// vector is the token of vector i of a textual inversion called token; that of vector
// 0 is the token itself.
func vector(token string, i int) string { return fmt.Sprintf("%s_%d", token, i) }

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
