package pickle

import (
	"fmt"
	"slices"
	"sync"

	"sdgo/safetensors"
)

// storage is a run of bytes in the file, which tensors share.
type storage struct {
	src   *source
	dtype safetensors.DType
	at    int64 // in the file
	bytes int64
	big   bool // numbers are big endian

	mu   sync.Mutex
	data []byte // all of it, while a tensor is read that does not lie in row-major order
}

// view is a part of a storage, mostly all of it.
type view struct {
	*storage
	begin, bytes int64
}

// storages are those of a file by their keys.
type storages struct {
	src   *source
	byKey map[string]*storage
	total int64 // bytes
	place func(key string, s *storage) error
}

// storageID is what a persistent id is: "storage", a class, a key, a device, the number
// of elements, and in old files None or a view: its key, offset and number.
type storageID struct {
	key   string
	dtype safetensors.DType
	bytes int64
	view  tuple
}

// parseID reads a persistent id.
func parseID(id tuple) (storageID, error) {
	const needed, viewAt = 5, 5
	if len(id) < needed || len(id) > viewAt+1 || id[0] != any("storage") {
		return storageID{}, fmt.Errorf("have a tuple of %d that names something else, want one that names a storage", len(id))
	}
	class, ok := id[1].(*global)
	if !ok || !class.storage {
		return storageID{}, fmt.Errorf("have %s, want a class of storages", kind(id[1]))
	}
	key, ok := id[2].(string)
	if !ok {
		return storageID{}, fmt.Errorf("have %s, want the key of a storage", kind(id[2]))
	}
	n, ok := id[4].(int64)
	if !ok || n < 0 {
		return storageID{}, fmt.Errorf("storage %.80q: have %s elements, want 0 or more", key, show(id[4]))
	}
	s := storageID{key: key, dtype: class.dtype}
	each := int64(class.dtype.Bits() / 8)
	const largest = 1 << 62
	if n > largest/each {
		return storageID{}, fmt.Errorf("storage %.80q: have %d elements of %v, which no file holds", key, n, class.dtype)
	}
	s.bytes = n * each
	if len(id) > viewAt && id[viewAt] != nil {
		if s.view, ok = id[viewAt].(tuple); !ok {
			return storageID{}, fmt.Errorf("storage %.80q: have %s, want None or a view", key, kind(id[viewAt]))
		}
	}
	return s, nil
}

// find returns the storage that a persistent id names.
func (s *storages) find(id tuple) (view, error) {
	p, err := parseID(id)
	if err != nil {
		return view{}, err
	}
	found := s.byKey[p.key]
	if found == nil {
		found = &storage{src: s.src, dtype: p.dtype, bytes: p.bytes}
		if p.bytes > s.src.size-s.total {
			return view{}, fmt.Errorf("storage %.80q: have %d bytes, more than the file has beside the other storages", p.key, p.bytes)
		}
		if err := s.place(p.key, found); err != nil {
			return view{}, fmt.Errorf("storage %.80q: %w", p.key, err)
		}
		s.total += p.bytes
		s.byKey[p.key] = found
	}
	if found.dtype != p.dtype || found.bytes != p.bytes {
		return view{}, fmt.Errorf("storage %.80q: have %d bytes of %v, and before %d of %v", p.key, p.bytes, p.dtype, found.bytes, found.dtype)
	}
	if p.view == nil {
		return view{found, 0, found.bytes}, nil
	}
	return found.part(p.view)
}

// part returns the view that key, offset and number of elements describe.
func (s *storage) part(v tuple) (view, error) {
	each := int64(s.dtype.Bits() / 8)
	have := s.bytes / each
	if len(v) == 3 {
		from, ok1 := v[1].(int64)
		n, ok2 := v[2].(int64)
		if ok1 && ok2 && from >= 0 && n >= 0 && from <= have && n <= have-from {
			return view{s, from * each, n * each}, nil
		}
	}
	return view{}, fmt.Errorf("have a view that is no part of a storage of %d elements", have)
}

// chunk is how many bytes are read and converted at once.
const chunk = 256 << 10

// float32s converts elements, from number from on in row-major order.
func (t *tensor) float32s(from int, dst []float32) error {
	each := t.dtype.Bits() / 8
	var whole []byte
	straight := t.rowMajor()
	if !straight && len(dst) > 0 {
		var err error
		if whole, err = t.store.all(); err != nil {
			return err
		}
	}
	buf := make([]byte, min(len(dst)*each, chunk))
	for len(dst) > 0 {
		n := min(len(dst), len(buf)/each)
		b := buf[:n*each]
		if straight {
			if err := t.store.src.read(b, t.store.at+(t.offset+int64(from))*int64(each)); err != nil {
				return err
			}
		} else {
			t.gather(b, whole, from)
		}
		if t.store.big {
			swap(b, t.dtype)
		}
		part, err := safetensors.New("", t.dtype, []int{n}, b)
		if err == nil {
			err = part.Float32sInto(dst[:n])
		}
		if err != nil {
			return err
		}
		from, dst = from+n, dst[n:]
	}
	return nil
}

// gather copies elements out of the whole storage, from number from on.
func (t *tensor) gather(dst, whole []byte, from int) {
	each := t.dtype.Bits() / 8
	index := make([]int, len(t.shape))
	at := t.offset
	for i := len(index) - 1; i >= 0; i-- {
		index[i] = from % t.shape[i]
		from /= t.shape[i]
		at += int64(index[i]) * t.stride[i]
	}
	for ; len(dst) > 0; dst = dst[each:] {
		copy(dst[:each], whole[at*int64(each):])
		for i := len(index) - 1; i >= 0; i-- {
			at += t.stride[i]
			if index[i]++; index[i] < t.shape[i] {
				break
			}
			at -= int64(index[i]) * t.stride[i]
			index[i] = 0
		}
	}
}

// swap turns numbers from big to little endian.
func swap(b []byte, d safetensors.DType) {
	each := d.Bits() / 8
	if d == safetensors.C64 { // two numbers
		each /= 2
	}
	for i := 0; i < len(b); i += each {
		slices.Reverse(b[i : i+each])
	}
}

// all returns the storage's bytes, read once.
func (s *storage) all() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		data := make([]byte, s.bytes)
		if err := s.src.read(data, s.at); err != nil {
			return nil, err
		}
		s.data = data
	}
	return s.data, nil
}

// release lets go of the storage's bytes.
func (s *storage) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = nil
}
