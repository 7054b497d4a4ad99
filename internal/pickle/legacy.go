package pickle

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// magic is the integer of the first pickle, and version that of the second.
var magic = long{0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19}

const version = 1001

// readLegacy reads a file of torch.save from before PyTorch 1.6, which is five pickles and
// then the storages: the number of elements in 8 bytes, and the elements. All numbers are
// little endian, also those of big-endian machines.
//
//	magic  version  sizes of C's types  what was saved  keys of the storages  storages …
func readLegacy(ctx context.Context, src *source) (any, error) {
	var at int64
	next := func(what string, find func(tuple) (view, error)) (any, error) {
		m := newMachine(ctx, src.at, at, src.size, at, find)
		v, err := m.run()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		at = m.at
		return v, nil
	}
	none := func(tuple) (view, error) { return view{}, errors.New("want no storage here") }

	first, err := next("the first pickle", none)
	if err != nil {
		return nil, err
	}
	if n, ok := first.(long); !ok || !bytes.Equal(bytes.TrimRight(n, "\x00"), magic) {
		return nil, fmt.Errorf("offset 0: have a pickle of %s, want the number that torch.save begins with: this is a pickle of something else", kind(first))
	}
	start := at
	if v, err := next("the version", none); err != nil {
		return nil, err
	} else if v != any(int64(version)) {
		return nil, fmt.Errorf("offset %d: have version %s of the format, want %d", start, show(v), version)
	}
	if _, err := next("the types of the machine", none); err != nil {
		return nil, err
	}
	stores := &storages{src: src, byKey: make(map[string]*storage)}
	stores.place = func(string, *storage) error { return nil } // they come behind
	root, err := next("what was saved", stores.find)
	if err != nil {
		return nil, err
	}
	start = at
	keys, err := next("the keys of the storages", none)
	if err != nil {
		return nil, err
	}
	l, ok := keys.(*list)
	if !ok {
		return nil, fmt.Errorf("offset %d: have %s, want a list of the storages' keys", start, kind(keys))
	}
	if err := stores.placeAll(l, at); err != nil {
		return nil, err
	}
	return root, nil
}

// placeAll finds the places of storages, which lie one after the other from at on.
func (s *storages) placeAll(keys *list, at int64) error {
	placed := make(map[string]bool)
	for _, k := range keys.items {
		key, ok := k.(string)
		found := s.byKey[key]
		if !ok || found == nil || placed[key] {
			return fmt.Errorf("the keys of the storages: have %s, want those of the tensors, each once", show(k))
		}
		placed[key] = true
		var n [8]byte
		if err := s.src.read(n[:], at); err != nil {
			return fmt.Errorf("storage %.80q: %w", key, err)
		}
		elements := found.bytes / int64(found.dtype.Bits()/8)
		if have := int64(binary.LittleEndian.Uint64(n[:])); have != elements {
			return fmt.Errorf("storage %.80q: offset %d: have %d elements, want %d", key, at, have, elements)
		}
		at += int64(len(n))
		if left := s.src.size - at; left < found.bytes {
			return fmt.Errorf("storage %.80q: offset %d: have %d bytes up to the end of the file, want %d", key, at, left, found.bytes)
		}
		found.at = at
		at += found.bytes
	}
	if len(placed) < len(s.byKey) {
		var missing []string
		for key := range s.byKey {
			if !placed[key] {
				missing = append(missing, key)
			}
		}
		return fmt.Errorf("the keys of the storages: have no %.80q, which tensors are in", slices.Min(missing))
	}
	return nil
}
