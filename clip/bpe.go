package clip

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// wordEnd marks the symbol that ends a word, in vocab.json and merges.txt.
const wordEnd = "</w>"

// The BPE cache holds at most cacheWords words of at most cacheWordLen bytes.
const (
	cacheWords   = 16384
	cacheWordLen = 64
)

// bpe is the byte-level byte-pair encoding of CLIP: a word is a sequence of
// bytes, each written as one printable rune, the last one with "</w>" behind.
// Neighbours are merged in the order in which training learned the merges.
//
// Sennrich, Haddow and Birch (2016), Neural Machine Translation of Rare Words
// with Subword Units, algorithm 1; on bytes: Radford et al. (2019), section 2.2.
// https://arxiv.org/abs/1508.07909
type bpe struct {
	tokens  map[int]string // by id
	ids     map[string]int
	merges  map[[2]int32]merge
	symbols [256]int32 // ids of single bytes inside a word
	ends    [256]int32 // ids of single bytes that end a word
	unknown string     // the token of a byte without a symbol

	mu    sync.RWMutex
	cache map[string][]int
}

// merge says that a pair of neighbours becomes id; lower ranks go first.
type merge struct{ rank, id int32 }

// newBPE checks that every merge, and a symbol for every byte, is in the
// vocabulary. A byte without a symbol becomes unknown, if that is a token.
func newBPE(vocab map[string]int, pairs [][2]string, unknown string) (*bpe, error) {
	b := &bpe{
		tokens: make(map[int]string, len(vocab)),
		ids:    vocab,
		merges: make(map[[2]int32]merge, len(pairs)),
		cache:  make(map[string][]int),

		unknown: unknown,
	}
	for token, id := range vocab {
		if other, ok := b.tokens[id]; ok {
			return nil, fmt.Errorf("%.80q and %.80q have the same id %d", min(token, other), max(token, other), id)
		}
		b.tokens[id] = token
	}
	for rank, p := range pairs {
		left, okLeft := vocab[p[0]]
		right, okRight := vocab[p[1]]
		id, ok := vocab[p[0]+p[1]]
		if !okLeft || !okRight || !ok {
			return nil, &mergeError{rank, p}
		}
		b.merges[[2]int32{int32(left), int32(right)}] = merge{int32(rank), int32(id)}
	}
	unknownID, hasUnknown := vocab[unknown]
	for c := range 256 {
		symbol := string(byteRunes[c])
		for _, s := range []struct {
			id    *int32
			token string
		}{{&b.symbols[c], symbol}, {&b.ends[c], symbol + wordEnd}} {
			id, ok := vocab[s.token]
			if !ok && !hasUnknown {
				return nil, fmt.Errorf("have no token %q for byte %#02x, nor the unknown token %.80q", s.token, c, unknown)
			}
			if !ok {
				id = unknownID
			}
			*s.id = int32(id)
		}
	}
	return b, nil
}

// mergeError is a merge whose parts or result the vocabulary lacks.
type mergeError struct {
	rank int
	pair [2]string
}

func (e *mergeError) Error() string {
	return fmt.Sprintf("merge %d, %.80q with %.80q: want both and %.80q in the vocabulary",
		e.rank, e.pair[0], e.pair[1], e.pair[0]+e.pair[1])
}

// appendWord appends the ids of one word, any bytes, to ids.
func (b *bpe) appendWord(p *poll, ids []int, word string) []int {
	if word == "" {
		return ids
	}
	b.mu.RLock()
	known, ok := b.cache[word]
	b.mu.RUnlock()
	if ok {
		return append(ids, known...)
	}

	first := len(ids)
	ids = b.mergeWord(p, ids, word)
	if len(word) <= cacheWordLen && p.done() == nil {
		b.mu.Lock()
		if len(b.cache) < cacheWords {
			b.cache[strings.Clone(word)] = append([]int(nil), ids[first:]...)
		}
		b.mu.Unlock()
	}
	return ids
}

// symbol is a part of a word: a link of a list, so that a merge is O(1).
type symbol struct {
	id         int32 // -1 once it was merged into the symbol before
	prev, next int32 // -1 at the ends
}

// mergeWord takes O(n log n) for a word of n bytes.
func (b *bpe) mergeWord(p *poll, ids []int, word string) []int {
	symbols := make([]symbol, len(word))
	for i := range symbols {
		if p.stop() {
			return ids
		}
		symbols[i] = symbol{b.symbols[word[i]], int32(i - 1), int32(i + 1)}
	}
	last := len(word) - 1
	symbols[last].id, symbols[last].next = b.ends[word[last]], -1

	next := func(at int32) (m merge, ok bool) {
		m, ok = b.merges[[2]int32{symbols[at].id, symbols[symbols[at].next].id}]
		return m, ok
	}
	queue := make(mergeQueue, 0, len(word))
	for i := range last {
		if p.stop() {
			return ids
		}
		if m, ok := next(int32(i)); ok {
			queue = append(queue, candidate{m.rank, int32(i)})
		}
	}
	queue.init(p)
	for len(queue) > 0 {
		if p.stop() {
			return ids
		}
		c := queue.pop()
		s := &symbols[c.at]
		if s.id < 0 || s.next < 0 {
			continue
		}
		m, ok := next(c.at)
		if !ok || m.rank != c.rank {
			continue // an earlier merge has taken one of the two
		}
		right := &symbols[s.next]
		s.id, s.next, right.id = m.id, right.next, -1
		if s.next >= 0 {
			symbols[s.next].prev = c.at
			if m, ok := next(c.at); ok {
				queue.push(candidate{m.rank, c.at})
			}
		}
		if s.prev >= 0 {
			if m, ok := next(s.prev); ok {
				queue.push(candidate{m.rank, s.prev})
			}
		}
	}
	return appendIDs(p, ids, symbols)
}

// appendIDs appends the ids of the symbols that are left. It counts them before, so
// that a long list grows once.
func appendIDs(p *poll, ids []int, symbols []symbol) []int {
	n := 0
	for i := int32(0); i >= 0 && !p.stop(); i = symbols[i].next {
		n++
	}
	ids = slices.Grow(ids, n)
	for i := int32(0); i >= 0 && !p.stop(); i = symbols[i].next {
		ids = append(ids, int(symbols[i].id))
	}
	return ids
}

// byteRunes writes a byte as a printable rune, the alphabet of GPT-2: printable
// Latin-1 stands for itself, the others follow from U+0100 on.
var byteRunes = func() (runes [256]rune) {
	next := rune(0x100)
	for c := range rune(256) {
		if '!' <= c && c <= '~' || '¡' <= c && c <= '¬' || '®' <= c && c <= 'ÿ' {
			runes[c] = c
			continue
		}
		runes[c] = next
		next++
	}
	return runes
}()

var runeBytes = func() map[rune]byte {
	m := make(map[rune]byte, 256)
	for c, r := range byteRunes {
		m[r] = byte(c)
	}
	return m
}()

// appendBytes appends the bytes that a token stands for. A token with a rune
// outside the alphabet stands for its own text.
func appendBytes(text []byte, token string) []byte {
	first := len(text)
	for _, r := range token {
		c, ok := runeBytes[r]
		if !ok {
			return append(text[:first], token...)
		}
		text = append(text, c)
	}
	return text
}
