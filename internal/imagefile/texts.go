package imagefile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// Text is a text in a picture's file, under the key that it has in a PNG.
type Text struct{ Key, Text string }

// UserComment is the key of the text that EXIF has in JPEG and WebP files.
const UserComment = "UserComment"

// Bounds of the texts in a file, together and in number.
const (
	maxTexts    = 16 << 20 // bytes
	maxTextKeys = 256
)

// Texts returns the texts in a picture's file, in their order: of a PNG those of its
// chunks, of JPEG and WebP the comment in EXIF. It reads no more of a PNG than its chunks of
// text, and leaves out those whose checksum is wrong. In a PNG tEXt is Latin-1, unless it can be nothing but UTF-8, which some programs
// write.
func Texts(r io.Reader) ([]Text, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(64)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	f, err := sniff(head)
	if err != nil {
		return nil, err
	}
	if f.name == "PNG" {
		return pngTexts(b)
	}
	data, err := io.ReadAll(io.LimitReader(b, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("have more than %d bytes, want up to that", MaxBytes)
	}
	if text := userComment(f.metadata(data).exif); text != "" {
		return []Text{{UserComment, text}}, nil
	}
	return nil, nil
}

// pngTexts reads the chunks of text of a PNG.
func pngTexts(r *bufio.Reader) (texts []Text, err error) {
	if _, err := r.Discard(8); err != nil {
		return nil, err
	}
	var exif []byte
	var head [8]byte
	for left := maxTexts; ; {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			break // the end, or what is left of a file that was cut
		}
		size, kind := binary.BigEndian.Uint32(head[:]), string(head[4:])
		if kind == "IEND" {
			break
		}
		if !slices.Contains([]string{"tEXt", "zTXt", "iTXt", "eXIf"}, kind) {
			if _, err := r.Discard(int(size) + 4); err != nil {
				break
			}
			continue
		}
		if int64(size) > int64(left) || len(texts) >= maxTextKeys {
			return nil, fmt.Errorf("PNG: have more than %d bytes of text, or %d texts, want up to that", maxTexts, maxTextKeys)
		}
		left -= int(size)
		body, err := io.ReadAll(io.LimitReader(r, int64(size)+4)) // with the checksum
		if err != nil || len(body) < int(size)+4 {
			break
		}
		sum := binary.BigEndian.Uint32(body[size:])
		if body = body[:size]; crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, body) != sum {
			continue // as libpng does
		}
		if kind == "eXIf" {
			exif = body
			continue
		}
		key, _, _ := bytes.Cut(body, []byte{0})
		if _, text := pngText(kind, body, left+len(body)+1, string(key)); text != nil {
			left -= max(0, len(text)-len(body)) // of one that was compressed
			texts = append(texts, Text{latin1(key), decoded(kind, text)})
		}
		if left < 0 {
			return nil, fmt.Errorf("PNG: have more than %d bytes of text, want up to that", maxTexts)
		}
	}
	if text := userComment(exif); text != "" {
		texts = append(texts, Text{UserComment, text})
	}
	return texts, nil
}

// decoded is the text of a chunk.
func decoded(kind string, text []byte) string {
	if kind == "iTXt" || utf8.Valid(text) {
		return string(text)
	}
	return latin1(text)
}

// latin1 reads ISO 8859-1.
func latin1(text []byte) string {
	runes := make([]rune, len(text))
	for i, c := range text {
		runes[i] = rune(c)
	}
	return string(runes)
}

// Tags of EXIF.
const (
	exifFolder      = 0x8769 // where the directory of EXIF's own tags is
	exifUserComment = 0x9286
)

// userComment returns the comment of an EXIF block.
func userComment(block []byte) string {
	for len(block) >= 6 && string(block[:6]) == exifPrefix {
		block = block[6:]
	}
	at, ok := tiffTag(block, exifFolder)
	if !ok {
		return ""
	}
	comment := tiffBytes(block, uint32(at), exifUserComment)
	const code = 8 // bytes that say which letters follow
	if len(comment) < code {
		return ""
	}
	text := comment[code:]
	switch string(comment[:code]) {
	case "UNICODE\x00":
		return utf16Text(text, block[0] == 'I')
	case "ASCII\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x00":
		return string(bytes.TrimRight(text, "\x00"))
	}
	return ""
}

// utf16Text reads UTF-16. Programs write the bytes in the order of the file, or, as piexif
// does, the high ones first whatever the file's: letters of the first block tell.
func utf16Text(text []byte, little bool) string {
	var zeros [2]int
	for i, c := range text {
		if c == 0 {
			zeros[i%2]++
		}
	}
	if zeros[0] != zeros[1] {
		little = zeros[1] > zeros[0]
	}
	var order binary.ByteOrder = binary.BigEndian
	if little {
		order = binary.LittleEndian
	}
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	for len(units) > 0 && units[len(units)-1] == 0 {
		units = units[:len(units)-1]
	}
	return string(utf16.Decode(units))
}

// tiffBytes returns the bytes of a tag in the directory of a TIFF file at an offset.
func tiffBytes(file []byte, at uint32, tag uint16) []byte {
	var order binary.ByteOrder = binary.BigEndian
	if file[0] == 'I' { // of a file with a directory that was found
		order = binary.LittleEndian
	}
	if uint64(at)+2 > uint64(len(file)) {
		return nil
	}
	tags := int(order.Uint16(file[at:]))
	for entry := file[at+2:]; tags > 0 && len(entry) >= 12; tags, entry = tags-1, entry[12:] {
		const undefined, ascii = 7, 2
		kind, size := order.Uint16(entry[2:]), uint64(order.Uint32(entry[4:]))
		if order.Uint16(entry) != tag || kind != undefined && kind != ascii {
			continue
		}
		from := uint64(order.Uint32(entry[8:]))
		if size <= 4 {
			return entry[8 : 8+size]
		}
		if from+size <= uint64(len(file)) {
			return file[from : from+size]
		}
	}
	return nil
}
