package clip

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unpack returns the files of testdata folders in memory; later ones win.
func unpack(t testing.TB, dirs ...string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, dir := range dirs {
		names, err := filepath.Glob(filepath.Join("testdata", dir, "*.gz"))
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, name := range names {
			files[strings.TrimSuffix(filepath.Base(name), ".gz")] = &fstest.MapFile{Data: gunzip(t, name)}
		}
	}
	return files
}

func gunzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	return data
}

func load(t testing.TB, dirs ...string) *Tokenizer {
	t.Helper()
	tok, err := LoadTokenizer(unpack(t, dirs...), ".")
	require.NoError(t, err)
	return tok
}

var sd1 = sync.OnceValue(func() *Tokenizer { return load(new(testing.T), "../openai") })

// loadSD2 is the tokenizer of SD 2: that of SD 1, with "!" as padding.
func loadSD2(t testing.TB) *Tokenizer {
	files := unpack(t, "../openai")
	for name, f := range unpack(t, "tiny-sd21") {
		files[name] = f
	}
	tok, err := LoadTokenizer(files, ".")
	require.NoError(t, err)
	return tok
}

func TestPrompts(t *testing.T) {
	tok2 := loadSD2(t)
	assert.Equal(t, []int{49406, 49407, 49407, 0}, []int{sd1().BOS, sd1().EOS, sd1().Pad, tok2.Pad})
	assert.Equal(t, 49408, sd1().Size())
	lines := bytes.Split(bytes.TrimSpace(gunzip(t, "testdata/prompts.jsonl.gz")), []byte("\n"))
	require.Len(t, lines, 422)
	for i, line := range lines {
		var p struct {
			Text  string `json:"text"`
			Hex   string `json:"bytes_hex"`
			IDs   []int  `json:"ids"`
			SD2   []int  `json:"ids_sd2"`
			Pad1  []int  `json:"sd1_ids"`
			Pad2  []int  `json:"sd2_ids"`
			Mask1 int    `json:"sd1_attention_mask"`
			Mask2 int    `json:"sd2_attention_mask"`
		}
		require.NoError(t, json.Unmarshal(line, &p))
		if p.SD2 == nil {
			p.SD2 = p.IDs
		}
		text := p.Text
		if p.Hex != "" {
			_, err := fmt.Sscanf(p.Hex, "%x", &text)
			require.NoError(t, err)
		}
		for _, tt := range []struct {
			tok      *Tokenizer
			ids, pad []int
			mask     int
		}{{sd1(), p.IDs, p.Pad1, p.Mask1}, {tok2, p.SD2, p.Pad2, p.Mask2}} {
			inner := tt.ids[1 : len(tt.ids)-1]
			assert.Equal(t, inner, append([]int{}, tt.tok.Tokens(text)...), "prompt %d, %q", i, text)
			e := tt.tok.Encode(text)
			assert.Equal(t, tt.pad, e.IDs, "prompt %d, %q", i, text)
			require.Len(t, e.Mask, 77)
			assert.Equal(t, slices.Repeat([]int{1}, tt.mask), e.Mask[:tt.mask], "prompt %d", i)
			assert.Equal(t, make([]int, 77-tt.mask), e.Mask[tt.mask:], "prompt %d", i)
			assert.Equal(t, inner[min(75, len(inner)):], append([]int{}, e.Truncated...), "prompt %d", i)
		}
	}
}

func TestTextEncoderPrompts(t *testing.T) {
	var cases []struct {
		Tokenizer, Case string
		Prompts         []string
		IDs             [][]int
	}
	data, err := os.ReadFile("testdata/text_encoder_ids.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &cases))
	toks := map[string]*Tokenizer{"sd1": sd1(), "tiny": load(t, "tiny"), "tiny-sd21": load(t, "tiny", "tiny-sd21")}
	for _, c := range cases {
		for i, prompt := range c.Prompts {
			assert.Equal(t, c.IDs[i], toks[c.Tokenizer].Encode(prompt).IDs, "%s: %q", c.Case, prompt)
		}
	}
}

func TestTinyscenes(t *testing.T) {
	tok := load(t, "tinyscenes")
	const prompt = "a red house on a green hill under a yellow sun"
	ids := tok.Tokens(prompt)
	assert.Len(t, ids, 11, "every word of the grammar is a token")
	assert.Equal(t, prompt, tok.Decode(ids))
}

func TestVariants(t *testing.T) {
	var file struct {
		Cases []struct {
			Name, Base    string
			Files         map[string]*string
			New           []string
			BOS, EOS, Pad int
			Length        int
			Prompts       []struct {
				Text, Truncated, Decoded string
				IDs, Padded              []int
			}
		}
	}
	require.NoError(t, json.Unmarshal(gunzip(t, "testdata/variants.json.gz"), &file))
	require.NotEmpty(t, file.Cases)
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			files := unpack(t, c.Base)
			for name, text := range c.Files {
				if delete(files, name); text != nil {
					files[name] = &fstest.MapFile{Data: []byte(*text)}
				}
			}
			tok, err := LoadTokenizer(files, ".")
			require.NoError(t, err)
			before := tok.Size()
			tok, ids, err := tok.WithTokens(c.New...)
			require.NoError(t, err)
			for i, id := range ids {
				assert.Equal(t, before+i, id)
			}
			assert.Equal(t, []int{c.BOS, c.EOS, c.Pad, c.Length}, []int{tok.BOS, tok.EOS, tok.Pad, tok.MaxLength})
			for _, p := range c.Prompts {
				assert.Equal(t, p.IDs, append([]int{}, tok.Tokens(p.Text)...), "%+q", p.Text)
				e := tok.Encode(p.Text)
				assert.Equal(t, p.Padded, e.IDs, "%+q", p.Text)
				assert.Equal(t, p.Truncated, e.TruncatedText, "%+q", p.Text)
				assert.Equal(t, p.Decoded, tok.Decode(p.IDs), "%+q", p.Text)
			}
		})
	}
}

func TestUnicode(t *testing.T) {
	tiny := load(t, "tiny", "tiny-sd21")
	lines := bytes.Split(bytes.TrimSpace(gunzip(t, "testdata/unicode.jsonl.gz")), []byte("\n"))[1:]
	require.NotEmpty(t, lines)
	for _, line := range lines {
		var text, decoded string
		var ids, tinyIDs []int
		require.NoError(t, json.Unmarshal(line, &[]any{&text, &ids, &tinyIDs, &decoded}))
		assert.Equal(t, ids, append([]int{}, sd1().Tokens(text)...), "%+q", text)
		assert.Equal(t, tinyIDs, append([]int{}, tiny.Tokens(text)...), "%+q", text)
		assert.Equal(t, decoded, sd1().Decode(ids), "%+q", text)
	}
}

func TestWithTokensLeavesTheOriginal(t *testing.T) {
	tok := load(t, "tiny")
	want := tok.Tokens("a <sks> cat")
	more, ids, err := tok.WithTokens("<sks>", "<sks>_1")
	require.NoError(t, err)
	assert.Equal(t, []int{1000, 1001}, ids)
	assert.Equal(t, want, tok.Tokens("a <sks> cat"))
	assert.Contains(t, more.Tokens("a <SKS> cat"), 1000)
	assert.Equal(t, tok.Size()+2, more.Size())
	assert.Equal(t, "a <sks>cat", more.Decode(more.Tokens("a <sks> cat")))

	for _, bad := range [][]string{{"<sks>", "<sks>"}, {""}, {"the</w>"}, {"<|endoftext|>"}} {
		_, _, err := tok.WithTokens(bad...)
		assert.ErrorContains(t, err, "clip: new token", "%q", bad)
	}
}

func TestConcurrent(t *testing.T) {
	tok := load(t, "tiny")
	words := strings.Fields("a photo of an astronaut riding a horse on the moon with its cat and dogs")
	want := map[string][]int{}
	for _, w := range words {
		want[w] = load(t, "tiny").Tokens(w)
	}
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 0))
			for range 200 {
				w := words[r.IntN(len(words))]
				assert.Equal(t, want[w], tok.Tokens(w))
			}
		})
	}
	wg.Wait()
}

func TestCacheIsBounded(t *testing.T) {
	tok := load(t, "tiny")
	for i := range cacheWords + 100 {
		tok.Tokens(fmt.Sprintf("%c%c%c", 'a'+i%26, 'a'+i/26%26, 0x4e00+i/676))
	}
	tok.Tokens(strings.Repeat("x", cacheWordLen+1))
	assert.LessOrEqual(t, len(tok.bpe.cache), cacheWords)
	for w := range tok.bpe.cache {
		require.LessOrEqual(t, len(w), cacheWordLen)
	}
}

func BenchmarkEncode(b *testing.B) {
	const prompt = "portrait of an old warrior chief, tribal panther make up, blue on red, side profile, looking away, serious eyes"
	for b.Loop() {
		sd1().Encode(prompt)
	}
}

func ExampleTokenizer_Encode() {
	tok := sd1()
	e := tok.Encode("A photo of a cat")
	fmt.Println(e.IDs[:7], len(e.IDs))
	fmt.Println(tok.Decode(e.IDs[1:6]))
	// Output:
	// [49406 320 1125 539 320 2368 49407] 77
	// a photo of a cat
}
