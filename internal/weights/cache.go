package weights

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"sdgo/internal/kernel"
	"sdgo/internal/mapped"
	"sdgo/safetensors/checkpoint"
)

// Cache keeps weights on disk as they are in memory, so that they need not be converted and
// packed again. A file's name comes from all that decides what is in it: the content of the
// files that the weights came from, which tensors became which weights in what form, and
// what the kernels of this machine make of them. What is read from it is checked, on Linux
// once after each change of the file, and what does not hold is made anew; any number of
// processes may share a folder, whose files may be deleted at any time. Weights that are
// changed by a caller's code are not kept.
type Cache struct {
	dir string

	mu       sync.Mutex
	warnings []string
}

// NewCache returns a cache in a folder, which it makes if there is none.
func NewCache(dir string) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("weights: cache: %w", err)
	}
	return &Cache{dir: dir}, nil
}

// cacheKey marks a ctx that carries a cache.
type cacheKey struct{}

// In returns a ctx in which weights are loaded with the cache; nil leaves it as it is.
func (c *Cache) In(ctx context.Context) context.Context {
	if c == nil {
		return ctx
	}
	return context.WithValue(ctx, cacheKey{}, c)
}

func cacheOf(ctx context.Context) *Cache {
	c, _ := ctx.Value(cacheKey{}).(*Cache)
	return c
}

// Warnings are what was wrong with files of the cache, or with writing them.
func (c *Cache) Warnings() []string {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.warnings
}

func (c *Cache) warn(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnings = append(c.warnings, "cache: "+fmt.Sprintf(format, args...))
}

// entry is the place of a model's weights in a cache.
type entry struct {
	*Cache
	key string // of 64 hexadecimals
}

// path is that of the file.
func (e *entry) path() string { return filepath.Join(e.dir, e.key[:32]+".weights") }

// cacheVersion is that of the form of the files, and of what the formats of weights mean.
const cacheVersion = 1

// entry returns the place of weights, or nil if they are not to be kept. It changes no
// parameter.
func (c *Cache) entry(ctx context.Context, name string, src checkpoint.Source, params []*Param) *entry {
	if c == nil {
		return nil
	}
	id, ok := mapped.IdentityOf(src)
	if !ok || len(id.Files) == 0 {
		return nil
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %s %q %d\n", cacheVersion, runtime.GOARCH, kernel.ISA(), name, len(id.Files))
	for _, f := range id.Files {
		digest, err := c.digest(ctx, f)
		if err != nil {
			if ctx.Err() == nil {
				c.warn("%s: %v", f.Name(), err)
			}
			return nil
		}
		fmt.Fprintln(h, digest)
	}
	fmt.Fprintf(h, "%q\n", id.Layout)
	probes := make(map[string][]byte)
	for _, p := range params {
		fmt.Fprintf(h, "%q %q %v %d %d %d %d %d %v\n", p.Key, p.DType, p.Shape, p.Taps, p.In, p.Out, p.Format, p.Stored, p.exact)
		form := fmt.Sprint(p.Taps, p.Format)
		if probes[form] == nil {
			probes[form] = probe(p.Taps, p.Format)
			fmt.Fprintf(h, "%s %x\n", form, probes[form])
		}
	}
	return &entry{c, hex.EncodeToString(h.Sum(nil))}
}

// probe tells a way of packing weights from others, by what it makes of some numbers: files
// of another way are not read.
func probe(taps int, format kernel.Format) []byte {
	const out, in = kernel.PanelWidth + 3, 64
	k := 1
	for k*k < taps {
		k++
	}
	x := make([]float32, out*in*k*k)
	for i := range x {
		x[i] = float32(i%251-125) / 64
	}
	var packed []float32
	if taps > 0 {
		packed = make([]float32, kernel.PackedLen(in*k*k, out, format))
		kernel.PackConv(packed, x, out, in, k, k, format)
	} else {
		packed = make([]float32, kernel.TableLen(len(x), format))
		if format == kernel.Float32 {
			copy(packed, x)
		} else {
			kernel.StoreTable(packed, x, format)
		}
	}
	h := sha256.New()
	binary.Write(h, binary.LittleEndian, packed)
	return h.Sum(nil)[:8]
}
