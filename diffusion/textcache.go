package diffusion

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"sdgo/clip"
)

// textCacheSize is the most bytes that a pipeline keeps of embeddings: those of 70 prompts of
// Stable Diffusion 1, of 26 of XL. It is little beside what LoadOptions.MaxMemory does not
// count.
const textCacheSize = 16 << 20

// textCache keeps what text encoders made of tokens, by all that it depends on, so that a text
// is not encoded again. The least used goes first. A nil one keeps nothing.
type textCache struct {
	mu    sync.Mutex
	kept  map[textKey]*list.Element // of keptText
	order list.List                 // the last used first
	size  int                       // in bytes
}

// textKey is the digest of what embeddings depend on.
type textKey [sha256.Size]byte

// encodedText is what a text encoder makes of one text: tokens [T D] and the embedding of the
// whole [D]. It is shared and does not change.
type encodedText struct{ tokens, pooled []float32 }

type keptText struct {
	key textKey
	encodedText
}

// bytes is what a text takes.
func (e encodedText) bytes() int { return 4 * (len(e.tokens) + len(e.pooled)) }

// get returns a text that was put.
func (c *textCache) get(key textKey) (e encodedText, ok bool) {
	if c == nil {
		return e, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x, ok := c.kept[key]
	if !ok {
		return e, false
	}
	c.order.MoveToFront(x)
	return x.Value.(keptText).encodedText, true
}

// put keeps a text.
func (c *textCache) put(key textKey, e encodedText) {
	if c == nil || e.bytes() > textCacheSize {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = map[textKey]*list.Element{}
	}
	if _, ok := c.kept[key]; ok { // two calls at once
		return
	}
	c.kept[key] = c.order.PushFront(keptText{key, e})
	c.size += e.bytes()
	for c.size > textCacheSize {
		last := c.order.Remove(c.order.Back()).(keptText)
		delete(c.kept, last.key)
		c.size -= last.bytes()
	}
}

// clear lets go of everything.
func (c *textCache) clear() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept, c.size = nil, 0
	c.order.Init()
}

// encodeOnce returns what a text encoder makes of a text, from the cache if it is there.
func (r *run) encodeOnce(ctx context.Context, s textStage, text clip.Encoding, skip int) (encodedText, error) {
	key := r.textKey(s, text, skip)
	if e, ok := r.texts.get(key); ok {
		return e, ctx.Err()
	}
	made, err := s.encode(r.in(ctx), text, skip)
	if err != nil {
		return encodedText{}, err
	}
	e := encodedText{made.Tokens.Float32s(), made.Pooled.Float32s()}
	r.texts.put(key, e)
	return e, nil
}

// textKey is the key of what a text encoder makes of a text.
func (r *run) textKey(s textStage, text clip.Encoding, skip int) textKey {
	digest := s.encoder.Digest(text.IDs, s.skip+skip)
	data := digest[:]
	if s.encoder.Config.UseAttentionMask {
		seen := slices.Index(text.Mask, 0)
		data = binary.LittleEndian.AppendUint64(data, uint64(seen+1))
	}
	if r.adapters != nil && r.adapters.sets[r.partOf(s)] != nil {
		data = append(data, r.adapters.identity()...)
	}
	return sha256.Sum256(data)
}
