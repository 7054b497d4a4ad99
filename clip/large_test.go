package clip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// manyTokens bounds the time for tens of thousands of added tokens, which takes about
// a tenth of a second, and a hundred times that if it grows with their square.
const manyTokens = 5 * time.Second

// Folders with many added tokens load, and prompts for them are read, in a time that
// grows with their number.
func TestManyAddedTokens(t *testing.T) {
	const n = 30_000
	list := func(format string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, format, i, 1000+i)
		}
		return b.String()
	}
	for name, file := range map[string]struct{ name, text string }{
		"additional":         {"tokenizer_config.json", `{"additional_special_tokens":[` + list(`"<%07[1]d>"`) + `]}`},
		"special map":        {"special_tokens_map.json", `{"additional_special_tokens":[` + list(`"<%07[1]d>"`) + `]}`},
		"added tokens":       {"added_tokens.json", `{` + list(`"<%07[1]d>":%[2]d`) + `}`},
		"decoder":            {"tokenizer_config.json", `{"added_tokens_decoder":{` + list(`"%[2]d":{"content":"<%07[1]d>"}`) + `}}`},
		"of several vectors": {"added_tokens.json", `{` + list(`"<t>_%[1]d":%[2]d`) + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			files := unpack(t, "tiny")
			files[file.name] = &fstest.MapFile{Data: []byte(file.text)}
			begin := time.Now()
			tok, err := LoadTokenizer(files, ".")
			require.NoError(t, err)
			assert.GreaterOrEqual(t, tok.Size(), 1000+n)
			tok.Encode(strings.Repeat("<a <0000001> <t>_5 ", 1<<12))
			assert.Less(t, time.Since(begin), manyTokens)
			token := "<0000007>"
			if name == "of several vectors" {
				token = "<t>_7"
			}
			id, _ := tok.TokenID(token)
			assert.Equal(t, []int{id}, tok.Tokens(token))
		})
	}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("<", i, ">"))
	}
	begin := time.Now()
	_, _, err := load(t, "tiny").WithTokens(names...)
	require.NoError(t, err)
	assert.Less(t, time.Since(begin), manyTokens)
}

// A token that takes the white space around it reads a long run of it once.
func TestManySpaces(t *testing.T) {
	files := unpack(t, "tiny")
	files["tokenizer_config.json"] = &fstest.MapFile{Data: []byte(`{"added_tokens_decoder": {
		"1000": {"content": " ", "lstrip": true, "normalized": false}, "1001": {"content": "\t", "rstrip": true, "normalized": false}}}`)}
	tok, err := LoadTokenizer(files, ".")
	require.NoError(t, err)
	begin := time.Now()
	assert.Len(t, tok.Tokens(strings.Repeat(" ", 1<<20)), 1<<20)
	assert.Len(t, tok.Tokens(strings.Repeat("\t", 1<<20)), 1)
	assert.Less(t, time.Since(begin), manyTokens)
}

// The matcher finds what looking for every pattern finds.
func TestMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(most int) string {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = "ab\xff"[r.IntN(3)]
		}
		return string(b)
	}
	for range 500 {
		var patterns []pattern
		for id := range r.IntN(12) {
			patterns = append(patterns, pattern{text: text(5), token: addedToken{id: id}})
		}
		m := newMatcher(slices.Clone(patterns))
		for range 20 {
			s := text(8) + "a"
			want := -1
			for _, p := range patterns {
				if p.text != "" && strings.HasPrefix(s, p.text) && (want < 0 || len(p.text) > len(patterns[want].text)) {
					want = p.token.id
				}
			}
			got := -1
			if p, ok := m.match(s); ok {
				got = p.token.id
			}
			require.Equal(t, want, got, "%q in %q", s, patterns)
		}
	}
}

// Text that is composed block by block is composed as a whole: wherever the blocks
// end, and where there is no place to end one.
func TestLongNormalization(t *testing.T) {
	for name, tt := range map[string]struct{ unit, want string }{ // want is of each unit
		"letters and marks": {"E\u0301\u0323a ", "\u1eb9\u0301a "},
		"syllables":         {"\u1100\u1161\u11a8", "\uac01"},
		"vowels alone":      {"\u1161", "\u1161"},
		"composed":          {"é", "é"},
		"upper case":        {"ÀÉİ", "àéi\u0307"},
		"spaces":            {"a\t \u0301\n", "a \u0301 "},
	} {
		n := 2 * normalizeBlock / len(tt.unit)
		for shift := range 4 {
			x := strings.Repeat("x", shift)
			assert.True(t, x+strings.Repeat(tt.want, n) == normalize(nil, x+strings.Repeat(tt.unit, n)), "%s, shift %d", name, shift)
		}
	}
	n := normalizeBlock
	assert.True(t, "q"+strings.Repeat("\u0327", n)+strings.Repeat("\u0323", n)+strings.Repeat("\u0305", n) ==
		normalize(nil, "q"+strings.Repeat("\u0305\u0323\u0327", n)), "marks alone, sorted")
	assert.Equal(t, " ", normalize(nil, strings.Repeat(" \t", n)))
}

// late is how long after its context is done a call may return, on a busy machine.
const late = time.Second

// A prompt of any kind is given up soon after the context is done.
func TestCancelLongPrompt(t *testing.T) {
	tok, _, err := load(t, "tiny").WithTokens("<t>", "<t>_1")
	require.NoError(t, err)
	const n = 10 << 20
	cancelled := 0
	for name, prompt := range map[string]string{
		"words": strings.Repeat("cat ", n/4), "one word": strings.Repeat("a", n), "marks": "a" + strings.Repeat("\u0301\u0323", n/4),
		"numbers": strings.Repeat("1", n), "spaces": strings.Repeat(" ", n), "not UTF-8": strings.Repeat("\xff", n), "vowels": strings.Repeat("\u1161", n/3),
		"tokens": strings.Repeat("<t>", n/3), "nearly tokens": strings.Repeat("<t", n/2),
	} {
		for what, call := range map[string]func(ctx context.Context) error{
			"encode": func(ctx context.Context) error { _, err := tok.EncodeContext(ctx, prompt); return err },
			"expand": func(ctx context.Context) error { _, err := tok.Expand(ctx, prompt); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			done, _ := ctx.Deadline()
			err := call(ctx)
			cancel()
			if err != nil { // else it was faster
				assert.ErrorIs(t, err, context.DeadlineExceeded, name)
				cancelled++
			}
			assert.Less(t, time.Since(done), late, "%s: %s", what, name)
			t.Logf("%s: %s: %v after its context was done", what, name, time.Since(done))
		}
	}
	assert.Greater(t, cancelled, 4)
}
