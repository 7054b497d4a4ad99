package weights

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"unsafe"

	"sdgo/internal/atomicfile"
	"sdgo/internal/engine"
	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/internal/mapped"
)

// A file of a cache is
//
//	magic │ length of the JSON, 8 bytes │ its CRC, 4 bytes │ JSON, padded │ numbers of all weights
//
// with the numbers little endian as they are in memory, where they are mapped to: all begin
// at multiples of 64 bytes.
const cacheMagic = "sdgo weights\n\x00\x00\x00"

const (
	cacheHead      = len(cacheMagic) + 12
	maxCacheHeader = 64 << 20
	cacheAlign     = 64
	cachePiece     = 1 << 20 // bytes that are checked or written at a time
)

// cached are the weights of a file, in the order of the parameters.
type cached struct {
	Key     string         `json:"key"` // of the entry
	Weights []cachedWeight `json:"weights"`
}

// cachedWeight is a weight in a file: what became of it, which may differ from what was
// asked for, and the CRC of its numbers.
type cachedWeight struct {
	Format kernel.Format `json:"format"`
	Stored ggml.Type     `json:"stored"`
	CRC    uint32        `json:"crc"`
}

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errCache is for a file of a cache that is none, or was damaged.
var errCache = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errCache, fmt.Sprintf(format, args...))
}

// parseCache reads and checks what comes before the numbers, and returns these.
func (e *entry) parseCache(data []byte, params []*Param) (c cached, numbers []byte, err error) {
	if len(data) < cacheHead || string(data[:len(cacheMagic)]) != cacheMagic {
		return c, nil, damaged("no file of a cache")
	}
	head := data[len(cacheMagic):cacheHead]
	n, crc := binary.LittleEndian.Uint64(head), binary.LittleEndian.Uint32(head[8:])
	if n > maxCacheHeader || n > uint64(len(data)-cacheHead) || (uint64(cacheHead)+n)%cacheAlign != 0 {
		return c, nil, damaged("have a header of %d bytes in a file of %d", n, len(data))
	}
	text := data[cacheHead:][:n]
	if crc32.Checksum(text, castagnoli) != crc {
		return c, nil, damaged("the checksum of the header differs")
	}
	if err := json.Unmarshal(text, &c); err != nil || c.Key != e.key || len(c.Weights) != len(params) {
		return c, nil, damaged("the header is of other weights")
	}
	return c, data[cacheHead+int(n):], nil
}

// load maps the weights, or returns nil if there are none that hold. The parameters then
// are as they were.
func (e *entry) load(ctx context.Context, name string, params []*Param, eng *engine.Engine) *Weights {
	f, err := mapped.Open(ctx, os.DirFS(e.dir), filepath.Base(e.path()))
	if err != nil {
		return nil // mostly there is none yet
	}
	was := make([]cachedWeight, len(params))
	for i, p := range params {
		was[i] = cachedWeight{Format: p.Format, Stored: p.Stored}
	}
	ws, err := e.adopt(ctx, f, name, params, eng)
	if err == nil {
		return ws
	}
	for i, p := range params {
		p.Format, p.Stored = was[i].Format, was[i].Stored
	}
	if fault := (*mapped.Fault)(nil); errors.Is(err, errCache) || errors.As(err, &fault) {
		e.warn("%s: %v: it is made again", e.path(), err)
	}
	return nil
}

// adopt checks the weights in a file and makes them those of the parameters. They own the
// file; after an error it is closed.
func (e *entry) adopt(ctx context.Context, f *mapped.File, name string, params []*Param, eng *engine.Engine) (_ *Weights, err error) {
	var c cached
	var numbers []byte
	if err := mapped.Guard(func() (err error) {
		c, numbers, err = e.parseCache(f.Bytes(), params)
		return err
	}); err != nil {
		f.Close()
		return nil, err
	}
	for i, p := range params {
		w := c.Weights[i]
		if w.Format != p.Format && w.Format != kernel.Float32 || w.Stored != p.Stored && w.Stored != ggml.F32 {
			f.Close()
			return nil, damaged("a weight of another form")
		}
		p.Format, p.Stored = w.Format, w.Stored
	}
	offsets, total := place(params)
	if len(numbers) != 4*total || total == 0 || uintptr(unsafe.Pointer(&numbers[0]))%cacheAlign != 0 {
		f.Close()
		return nil, damaged("have %d bytes of numbers, want %d", len(numbers), 4*total)
	}
	data := unsafe.Slice((*float32)(unsafe.Pointer(&numbers[0])), total)
	block, err := eng.Memory.Adopt(data, func() { f.Close() }, "memory for the weights of the "+name)
	if err != nil {
		f.Close()
		return nil, err
	}
	ws := &Weights{memory: &eng.Memory, blocks: []*engine.Block{block}}
	if !e.checked(f) {
		quiet := unchangedFor(f, settled)
		if err := eachParam(ctx, params, eng.Threads(), func(i int, p *Param) error {
			return mapped.Guard(func() error { return checkPart(ctx, bytesOf(data[offsets[i]:][:p.Size()]), c.Weights[i].CRC) })
		}); err != nil {
			ws.Close()
			return nil, err
		}
		if quiet {
			e.noteChecked(f)
		}
	}
	for i, p := range params {
		n := p.Size()
		p.set(data[offsets[i]:][:n:n], ws)
	}
	return ws, nil
}

// checkPart wants numbers to have a checksum.
func checkPart(ctx context.Context, data []byte, want uint32) error {
	crc := uint32(0)
	for from := 0; from < len(data); from += cachePiece {
		if err := ctx.Err(); err != nil {
			return err
		}
		crc = crc32.Update(crc, castagnoli, data[from:min(from+cachePiece, len(data))])
	}
	if crc != want {
		return damaged("a checksum differs")
	}
	return nil
}

// store writes the weights. An error is a warning: the next time they are packed again.
func (e *entry) store(ctx context.Context, params []*Param, threads int) {
	if err := e.write(ctx, params, threads); err != nil && ctx.Err() == nil {
		e.warn("%v", err)
	}
}

func (e *entry) write(ctx context.Context, params []*Param, threads int) error {
	c := cached{Key: e.key, Weights: make([]cachedWeight, len(params))}
	if err := eachParam(ctx, params, threads, func(i int, p *Param) error {
		c.Weights[i] = cachedWeight{p.Format, p.Stored, crc32.Checksum(bytesOf(p.data()), castagnoli)}
		return nil
	}); err != nil {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	text = append(text, bytes.Repeat([]byte{' '}, -(cacheHead+len(text))&(cacheAlign-1))...)
	f, err := atomicfile.Create(e.path())
	if err != nil {
		return err
	}
	defer f.Discard()
	var b bytes.Buffer
	b.WriteString(cacheMagic)
	binary.Write(&b, binary.LittleEndian, uint64(len(text)))
	binary.Write(&b, binary.LittleEndian, crc32.Checksum(text, castagnoli))
	b.Write(text)
	if _, err := f.Write(b.Bytes()); err != nil {
		return err
	}
	for _, p := range params {
		if err := writePadded(ctx, f, bytesOf(p.data())); err != nil {
			return err
		}
	}
	return f.Commit()
}

// writePadded writes bytes, and zeros after them to a multiple of the alignment.
func writePadded(ctx context.Context, w io.Writer, data []byte) error {
	padding := -len(data) & (cacheAlign - 1)
	for len(data) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := w.Write(data[:min(len(data), cachePiece)])
		if err != nil {
			return err
		}
		data = data[n:]
	}
	_, err := w.Write(make([]byte, padding))
	return err
}

// bytesOf are the bytes of numbers.
func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// eachParam calls do for each parameter, on several goroutines, and returns the first error.
func eachParam(ctx context.Context, params []*Param, threads int, do func(i int, p *Param) error) error {
	var next atomic.Int64
	var workers sync.WaitGroup
	errs := make([]error, min(threads, len(params), maxLoaders))
	for k := range errs {
		workers.Go(func() {
			for errs[k] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(params) {
					return
				}
				errs[k] = do(i, params[i])
			}
		})
	}
	workers.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}
