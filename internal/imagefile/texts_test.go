package imagefile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"slices"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// commented is an EXIF block with a comment.
func commented(order binary.AppendByteOrder, comment []byte) []byte {
	magic := map[bool]string{true: "II", false: "MM"}[order == binary.AppendByteOrder(binary.LittleEndian)]
	b := order.AppendUint32(order.AppendUint16([]byte(magic), 42), 8)
	entry := func(b []byte, tag, kind uint16, count, value uint32) []byte {
		b = order.AppendUint16(order.AppendUint16(order.AppendUint16(b, 1), tag), kind)
		return order.AppendUint32(order.AppendUint32(order.AppendUint32(b, count), value), 0)
	}
	const folder, text = 8 + 18, 8 + 2*18
	b = entry(b, exifFolder, 4, 1, folder)
	b = entry(b, exifUserComment, 7, uint32(len(comment)), text)
	return append(b, comment...)
}

// inJPEG is a JPEG with an EXIF block.
func inJPEG(t *testing.T, block []byte) []byte {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	body := append([]byte(exifPrefix), block...)
	segment := append([]byte{0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return slices.Insert(b.Bytes(), 2, append(segment, body...)...)
}

// The comment is read in either order of bytes, whatever that of the file, as piexif writes it.
func TestUserComment(t *testing.T) {
	const want = "a house, дом\nSteps: 20, Seed: 1, Size: 8x8"
	units := utf16.Encode([]rune(want))
	for _, file := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, text := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			comment := []byte("UNICODE\x00")
			for _, u := range units {
				comment = text.AppendUint16(comment, u)
			}
			got, err := Texts(bytes.NewReader(inJPEG(t, commented(file, comment))))
			require.NoError(t, err)
			assert.Equal(t, []Text{{UserComment, want}}, got)
		}
		got, err := Texts(bytes.NewReader(inJPEG(t, commented(file, []byte("ASCII\x00\x00\x00a house\x00\x00")))))
		require.NoError(t, err)
		assert.Equal(t, []Text{{UserComment, "a house"}}, got)
	}
	for _, block := range [][]byte{nil, []byte("MM"), commented(binary.BigEndian, []byte("JIS\x00\x00\x00\x00\x00x")), commented(binary.BigEndian, []byte("UNI")), commented(binary.BigEndian, []byte("UNICODE\x00abc"))[:40]} {
		got, err := Texts(bytes.NewReader(inJPEG(t, block)))
		require.NoError(t, err)
		assert.Empty(t, got)
	}
}

// A PNG's texts are read before and behind the pixels, Latin-1 and what can only be UTF-8.
func TestPNGTexts(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))))
	chunk := func(kind, body string) []byte {
		c := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), kind...)
		c = append(c, body...)
		return binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	}
	file := b.Bytes()
	end := len(file) - 12
	file = slices.Insert(file, end, chunk("tEXt", "utf\x00\xd0\xb4")...)
	file = slices.Insert(file, end, chunk("iTXt", "long\x00\x00\x00\x00\x00\xd0\xb4")...)
	file = slices.Insert(file, end, chunk("eXIf", string(commented(binary.BigEndian, []byte("ASCII\x00\x00\x00hello"))))...)
	file = slices.Insert(file, 33, chunk("tEXt", "latin\x00\xe9")...)
	got, err := Texts(bytes.NewReader(file))
	require.NoError(t, err)
	assert.Equal(t, []Text{{"latin", "é"}, {"long", "д"}, {"utf", "д"}, {UserComment, "hello"}}, got)

	file[33+8] ^= 1 // a letter of the first text
	got, err = Texts(bytes.NewReader(file))
	require.NoError(t, err)
	assert.Equal(t, []Text{{"long", "д"}, {"utf", "д"}, {UserComment, "hello"}}, got)

	compressed := func(size int) []byte {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		_, err := z.Write(bytes.Repeat([]byte("x"), size))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		return slices.Concat(file[:33], chunk("zTXt", "much\x00\x00"+b.String()))
	}
	got, err = Texts(bytes.NewReader(compressed(3 << 20)))
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Len(t, got[0].Text, 3<<20)
	_, err = Texts(bytes.NewReader(compressed(maxTexts + 1)))
	assert.ErrorContains(t, err, "PNG: have more than 16777216 bytes of text")
}
