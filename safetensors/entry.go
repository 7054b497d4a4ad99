package safetensors

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Entry is a tensor that is to be written, whose data are made when their turn comes:
// a file of any size is written with the memory of one tensor, or of less.
type Entry struct {
	Name  string
	DType DType
	Shape []int // outermost dimension first; empty for a single number

	// Data writes the elements to w in row-major order and little endian: neither more
	// nor fewer bytes than type and shape say.
	Data func(w io.Writer) error
}

// WriteEntries writes a file as [Write] does. An error of an entry's Data, and a wrong
// number of bytes from it, is an error that names it; then a part of the file was
// written.
func WriteEntries(w io.Writer, entries []Entry, metadata map[string]string) error {
	if w == nil {
		return errors.New("safetensors: write: have a nil writer")
	}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.DType, a.DType), cmp.Compare(a.Name, b.Name))
	})
	head, err := encodeHeader(entries, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("safetensors: header: %w", err)
	}
	for _, e := range entries {
		if err := e.write(w); err != nil {
			return fmt.Errorf("safetensors: tensor %.200q: %w", e.Name, err)
		}
	}
	return nil
}

// write writes the data, which may be no more and no fewer than the header says.
func (e Entry) write(w io.Writer) error {
	size, err := e.size()
	if err != nil {
		return err
	}
	exact := &exactWriter{to: w, left: size}
	if err := e.Data(exact); err != nil {
		return err
	}
	if exact.left > 0 {
		return fmt.Errorf("have %d bytes of data, want %d", size-exact.left, size)
	}
	return nil
}

// size returns the bytes of the data, or says why the entry cannot be written.
func (e Entry) size() (uint64, error) {
	switch {
	case e.Name == metadataField:
		return 0, errors.New("the name is reserved for the metadata")
	case !utf8.ValidString(e.Name):
		return 0, errors.New("the name is not UTF-8")
	case !e.DType.valid():
		return 0, fmt.Errorf("unknown %v", e.DType)
	case e.Data == nil:
		return 0, errors.New("have no data")
	case slices.ContainsFunc(e.Shape, func(n int) bool { return n < 0 }):
		return 0, fmt.Errorf("negative size in shape %v", e.Shape)
	}
	size, ok := byteSize(e.DType, e.Shape)
	if !ok {
		return 0, fmt.Errorf("%v of shape %v: too large, or not whole bytes", e.DType, e.Shape)
	}
	return size, nil
}

// append appends the entry of the header.
func (e Entry) append(b []byte, begin, end uint64) []byte {
	b = appendString(b, e.Name)
	b = append(b, `:{"dtype":"`...)
	b = append(b, e.DType.String()...)
	b = append(b, `","shape":[`...)
	for i, n := range e.Shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	b = append(b, `],"data_offsets":[`...)
	b = strconv.AppendUint(b, begin, 10)
	b = append(b, ',')
	b = strconv.AppendUint(b, end, 10)
	return append(b, "]}"...)
}

// exactWriter takes so many bytes and no more.
type exactWriter struct {
	to   io.Writer
	left uint64
}

func (w *exactWriter) Write(b []byte) (int, error) {
	if uint64(len(b)) > w.left {
		return 0, fmt.Errorf("have %d bytes of data more than the shape has room for", uint64(len(b))-w.left)
	}
	n, err := w.to.Write(b)
	w.left -= uint64(n)
	return n, err
}
