package imagefile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"io"
	"slices"
	"strings"

	"golang.org/x/image/riff"
)

// jpegMetadata walks the segments up to the first scan. EXIF that is too long for a
// segment goes on in the next.
func jpegMetadata(data []byte) (m metadata) {
	const xmpPrefix = "http://ns.adobe.com/xap/1.0/\x00"
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker := data[at+1]
		switch {
		case marker == 0xff: // a fill byte
			at++
			continue
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd8: // no segment follows
			at += 2
			continue
		case marker == 0xda || marker == 0xd9:
			return m
		}
		length := int(binary.BigEndian.Uint16(data[at+2:]))
		if length < 2 || at+2+length > len(data) {
			return m
		}
		segment := data[at+4 : at+2+length]
		at += 2 + length
		if marker != 0xe1 {
			continue
		}
		if block, ok := bytes.CutPrefix(segment, []byte(exifPrefix)); ok {
			m.exif = append(m.exif, block...)
		} else if document, ok := bytes.CutPrefix(segment, []byte(xmpPrefix)); ok {
			m.xmp = document
		}
	}
	return m
}

// pngChunks calls chunk for each chunk, all of them: EXIF may follow the pixels.
func pngChunks(data []byte, chunk func(kind string, body []byte)) {
	for at := 8; at+12 <= len(data); {
		length := int(binary.BigEndian.Uint32(data[at:]))
		if length > len(data)-at-12 {
			break
		}
		chunk(string(data[at+4:at+8]), data[at+8:at+8+length])
		at += 12 + length
	}
}

// The keys of texts that are metadata of pictures. ImageMagick writes EXIF as text, in
// hexadecimal digits.
const (
	exifKey = "Raw profile type exif"
	xmpKey  = "XML:com.adobe.xmp"
)

// pngMetadata finds EXIF and XMP.
func pngMetadata(data []byte) (m metadata) {
	var profile []byte
	pngChunks(data, func(kind string, body []byte) {
		if kind == "eXIf" {
			m.exif = body
			return
		}
		switch key, text := pngText(kind, body, pillowText, exifKey, xmpKey); key {
		case exifKey:
			profile = text
		case xmpKey:
			m.xmp = text
		}
	})
	if m.exif == nil && profile != nil {
		if lines := strings.Split(string(profile), "\n"); len(lines) > 3 {
			m.exif, _ = hex.DecodeString(strings.Join(lines[3:], ""))
		}
	}
	return m
}

// PNGText returns the text that a PNG file has under a key, nil if there is none. Of a
// text that is compressed it is at most a megabyte.
func PNGText(data []byte, key string) (text []byte) {
	pngChunks(data, func(kind string, body []byte) {
		if have, found := pngText(kind, body, pillowText, key); have != "" && text == nil {
			text = found
		}
	})
	return text
}

// pillowText is the most bytes of a compressed text that Pillow reads.
const pillowText = 1 << 20

// pngText returns the key of a chunk of text and the text, if the key is one of some. Of a text
// that is compressed it is at most so many bytes.
func pngText(kind string, body []byte, most int, keys ...string) (key string, text []byte) {
	if kind != "tEXt" && kind != "zTXt" && kind != "iTXt" {
		return "", nil
	}
	name, text, ok := bytes.Cut(body, []byte{0})
	key = string(name)
	if !ok || !slices.Contains(keys, key) {
		return "", nil
	}
	compressed := kind == "zTXt"
	switch {
	case kind == "zTXt" && len(text) >= 1:
		text = text[1:] // the method
	case kind == "iTXt" && len(text) >= 2:
		compressed = text[0] != 0
		parts := bytes.SplitN(text[2:], []byte{0}, 3) // language, key in translation, text
		text = parts[len(parts)-1]
	}
	if compressed {
		text = inflate(text, most)
	}
	return key, text
}

// inflate returns at most so many bytes.
func inflate(data []byte, most int) []byte {
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(z, int64(most)))
	return text
}

// Flags of the chunk VP8X.
const (
	webpAnimation = 1 << 1
	webpXMP       = 1 << 2
	webpEXIF      = 1 << 3
	webpAlpha     = 1 << 4
)

// webpMetadata walks the chunks. As in libwebp those count that the header
// announces.
func webpMetadata(data []byte) (m metadata) {
	_, r, err := riff.NewReader(bytes.NewReader(data))
	if err != nil {
		return m
	}
	var flags byte
	for {
		id, length, chunk, err := r.Next()
		if err != nil || uint64(length) > uint64(len(data)) {
			return m
		}
		wanted := id == riff.FourCC{'V', 'P', '8', 'X'} || id == riff.FourCC{'E', 'X', 'I', 'F'} && flags&webpEXIF != 0 ||
			id == riff.FourCC{'X', 'M', 'P', ' '} && flags&webpXMP != 0
		if !wanted {
			continue
		}
		body, err := io.ReadAll(chunk)
		switch {
		case err != nil:
			return m
		case id[0] == 'V' && len(body) > 0:
			flags = body[0]
		case id[0] == 'E':
			m.exif = body
		case id[0] == 'X':
			m.xmp = body
		}
	}
}
