package safetensors

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"sdgo/internal/atomicfile"
)

// Write writes a safetensors file to w, byte for byte as the official
// implementation does: tensors by element size from large to small (the
// reverse order of the [DType] constants), then by name; metadata, which may
// be nil, by key. The data are aligned to 8 bytes.
//
// Nothing is written if two tensors share a name, one is called
// "__metadata__", a name or metadata are not UTF-8, or a tensor's shape was
// changed so that it no longer fits its data. A tensor's data that are no longer in
// the mapped file that they come from are a [*FaultError].
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	entries := make([]Entry, len(tensors))
	for i, t := range tensors {
		if err := t.writable(); err != nil {
			return fmt.Errorf("safetensors: tensor %.200q: %w", t.Name, err)
		}
		entries[i] = Entry{Name: t.Name, DType: t.DType, Shape: t.Shape, Data: func(w io.Writer) error {
			return Guard(func() error {
				_, err := w.Write(t.Bytes())
				return err
			})
		}}
	}
	return WriteEntries(w, entries, metadata)
}

// encodeHeader returns the length and the JSON of the header, padded.
func encodeHeader(entries []Entry, metadata map[string]string) ([]byte, error) {
	b := make([]byte, lengthSize, 4096)
	b = append(b, '{')
	if metadata != nil {
		var err error
		if b, err = appendMetadata(b, metadata); err != nil {
			return nil, err
		}
	}
	var offset uint64
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		size, err := e.size()
		if err != nil {
			return nil, fmt.Errorf("safetensors: tensor %.200q: %w", e.Name, err)
		}
		if seen[e.Name] {
			return nil, fmt.Errorf("safetensors: tensor %.200q: comes twice", e.Name)
		}
		seen[e.Name] = true
		if len(b) > lengthSize+1 {
			b = append(b, ',')
		}
		b = e.append(b, offset, offset+size)
		offset += size
	}
	b = append(b, '}')
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	n := len(b) - lengthSize
	if n > maxHeader {
		return nil, fmt.Errorf("safetensors: header of %d bytes, want at most %d", n, maxHeader)
	}
	binary.LittleEndian.PutUint64(b, uint64(n))
	return b, nil
}

// appendMetadata appends the metadata by their keys' order.
func appendMetadata(b []byte, metadata map[string]string) ([]byte, error) {
	b = append(b, `"__metadata__":{`...)
	for i, k := range slices.Sorted(maps.Keys(metadata)) {
		if !utf8.ValidString(k) || !utf8.ValidString(metadata[k]) {
			return nil, fmt.Errorf("safetensors: metadata %.200q: not UTF-8", k)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, k)
		b = append(b, ':')
		b = appendString(b, metadata[k])
	}
	return append(b, '}'), nil
}

// writable says why a tensor cannot be written.
func (t Tensor) writable() error {
	switch {
	case t.from == nil:
		return errors.New("made without New")
	case t.Bytes() == nil && t.end > 0:
		return errClosed
	}
	_, err := New(t.Name, t.DType, t.Shape, t.Bytes())
	return err
}

// appendString appends s as a JSON string, escaping only what must be.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			if c < ' ' {
				b = append(b, `\u00`...)
				c, b = hex[c&15], append(b, hex[c>>4])
			}
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// WriteFile writes a file as [Write] does, and atomically: a reader sees the
// old content of path or the new one, never a part, also after a crash. It is flushed
// to the disk before it takes the old one's place. On an error before that last step
// nothing is left behind, and what was at path is untouched; on Linux nothing is left
// of a process that was killed, either. A symbolic link at path is followed. It is an
// error if a directory, a device or anything but a regular file is there,
// or a file that may not be written to.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	defer f.Discard()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := Write(w, tensors, metadata); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	return nil
}
