// Package saved has the form of what a run saves:
//
//	magic, length of the header as uint32, header in JSON,
//	what the header describes, then the SHA-256 of all that;
//
// numbers are little-endian, and those of latents and features float32.
package saved

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Begin returns the bytes up to the end of the header; [Seal] is to end what is added.
func Begin(magic string, header any) ([]byte, error) {
	text, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	return append(binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(text))), text...), nil
}

// Seal adds the checksum.
func Seal(out []byte) []byte {
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// Has says whether data begin with the magic.
func Has(data []byte, magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }

// Open decodes the header and returns what it describes, a part of data. It is an error
// if data do not begin with the magic, or are not as Seal left them.
func Open(data []byte, magic string, header any) ([]byte, error) {
	body, head := len(data)-sha256.Size, len(magic)+4
	if !Has(data, magic) {
		return nil, fmt.Errorf("have %d bytes that do not begin with %q", len(data), magic)
	}
	if body < head || sha256.Sum256(data[:body]) != [sha256.Size]byte(data[body:]) {
		return nil, errors.New("the checksum does not match: the bytes were changed or cut")
	}
	length, rest := binary.LittleEndian.Uint32(data[len(magic):]), data[head:body]
	if uint64(length) > uint64(len(rest)) {
		return nil, fmt.Errorf("have a header of %d bytes, want at most %d", length, len(rest))
	}
	if err := json.Unmarshal(rest[:length], header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return rest[length:], nil
}

// AppendFloats adds numbers.
func AppendFloats(out []byte, x []float32) []byte {
	for _, v := range x {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// TakeFloats fills x with the first numbers of data, which has them, and returns the rest.
func TakeFloats(x []float32, data []byte) []byte {
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return data[4*len(x):]
}
