package imagefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOtherFormats(t *testing.T) {
	pad := strings.Repeat("\x00", 60)
	for data, want := range map[string]string{
		"":                                 "have no bytes, want PNG, JPEG, GIF, WebP, BMP or TIFF",
		"x":                                "have a file that begins with 78, want PNG",
		pad:                                "have a file that begins with 00 00 00 00 00 00 00 00, want PNG",
		"\x00\x00\x00\x18ftypheic" + pad:   "have a HEIF picture, want PNG",
		"\x00\x00\x00\x18ftypmif1" + pad:   "have a HEIF picture, want PNG",
		"\x00\x00\x00\x1cftypavif" + pad:   "have an AVIF picture, want PNG",
		"\x00\x00\x00\x1cftypisom" + pad:   "have a video, want PNG",
		"\xff\x0a" + pad:                   "have a JPEG XL picture",
		"<svg xmlns=":                      "have an SVG drawing",
		"<!DOCTYPE html>":                  "have an HTML page",
		"%PDF-1.7":                         "have a PDF",
		"8BPS" + pad:                       "have a Photoshop file",
		"P6\n3 3 255\n":                    "have a Netpbm picture",
		"version https://git-lfs.github.c": "have a Git LFS pointer, in place of the file that it names, want PNG",
		"RIFF\x00\x00\x00\x00WAVE":         "have a file that begins with 52 49 46 46",
		"II+\x00\x08\x00\x00\x00":          "have a BigTIFF picture, want PNG",
		"\x89PNG\r\n\x1a\n":                "PNG: have 8 bytes, want more: ",
		"\xff\xd8\xff\xe0":                 "JPEG: ",
		"GIF89a":                           "GIF: ",
		"RIFF\x04\x00\x00\x00WEBP":         "WebP: ",
		"BM":                               "BMP: ",
		"II*\x00":                          "TIFF: have 4 bytes, want more: ",
		"MM\x00*\xff\xff\xff\xff":          "TIFF: ",
	} {
		_, err := Decode(strings.NewReader(data))
		assert.ErrorContains(t, err, want, "%q", data)
	}
}

// endless never ends, and counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	clear(b)
	return len(b), nil
}

// A device is not read past its first bytes, and a file that never ends not past
// the limit.
func TestReadingEnds(t *testing.T) {
	zero := &endless{}
	_, err := Decode(zero)
	assert.ErrorContains(t, err, "begins with 00 00")
	assert.LessOrEqual(t, zero.read, 64)

	zero = &endless{}
	_, err = decode(io.MultiReader(strings.NewReader("\x89PNG\r\n\x1a\n"), zero), 1<<16)
	assert.EqualError(t, err, "have more than 65536 bytes, want up to that")
	assert.LessOrEqual(t, zero.read, 1<<17)

	broken := errors.New("broken")
	_, err = Decode(iotest.ErrReader(broken))
	assert.ErrorIs(t, err, broken)
	_, err = Decode(io.MultiReader(bytes.NewReader(encode(t, 9)), iotest.ErrReader(broken)))
	assert.ErrorIs(t, err, broken)
	p, err := Decode(iotest.OneByteReader(bytes.NewReader(encode(t, 9))))
	require.NoError(t, err)
	assert.Equal(t, 9, p.Image.Bounds().Dx())
}

func encode(t testing.TB, side int) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, side, side))))
	return b.Bytes()
}

// A header that asks for more than the limits is refused before anything is
// allocated for it.
func TestPixelLimit(t *testing.T) {
	for _, size := range [][2]uint32{{40000, 8}, {8, 40000}, {30000, 30000}, {1<<31 - 1, 1<<31 - 1}} {
		data := encode(t, 9)
		binary.BigEndian.PutUint32(data[16:], size[0])
		binary.BigEndian.PutUint32(data[20:], size[1])
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
		_, err := Decode(bytes.NewReader(data))
		assert.ErrorContains(t, err, "PNG: ", "%v", size)
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	data := b.Bytes()
	at := bytes.Index(data, []byte{0xff, 0xc0})
	copy(data[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
	_, err := Decode(bytes.NewReader(data))
	assert.EqualError(t, err, "JPEG: have 65535×65535 pixels, want up to 134217728 in all and 32768 a side")
}

// Files with errors of any kind give a picture or an error, and the picture can be
// read to its end.
func TestDamagedFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range files(t) {
		for range 20 {
			data := bytes.Clone(f.File)
			for range 1 + r.IntN(4) {
				switch at := r.IntN(len(data)); r.IntN(3) {
				case 0:
					data[at] = byte(r.Uint32())
				case 1:
					data[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[r.IntN(5)]
				case 2:
					data = data[:at+1]
				}
			}
			checkAny(t, data)
		}
	}
}

func checkAny(t *testing.T, data []byte) {
	if f, err := sniff(data[:min(len(data), 64)]); err == nil {
		// The limit on pixels bounds memory, not the time of many runs.
		if c, err := f.config(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<20 {
			return
		}
	}
	p, err := Decode(bytes.NewReader(data))
	if err != nil {
		return
	}
	img, err := upright(p)
	require.NoError(t, err)
	require.NotZero(t, len(img.Pix))
	require.True(t, p.Orientation >= 1 && p.Orientation <= 8)
}

func FuzzDecode(f *testing.F) {
	for _, file := range files(f) {
		f.Add(file.File)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAny(t, data) })
}

// FuzzOrientation is for the metadata alone, which no checksum guards.
func FuzzOrientation(f *testing.F) {
	for i, file := range files(f) {
		if i < 64 {
			f.Add(file.File, uint8(0))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		o := orientationOf(formats[int(which)%len(formats)].metadata(bytes.Clone(data)))
		require.True(t, o >= 1 && o <= 8)
		orientationOf(metadata{exif: data, xmp: data})
	})
}

func TestTurn(t *testing.T) {
	// 1 2 3
	// 4 5 6
	for orientation, want := range map[int][]uint8{
		1: {1, 2, 3, 4, 5, 6},
		2: {3, 2, 1, 6, 5, 4},
		3: {6, 5, 4, 3, 2, 1},
		4: {4, 5, 6, 1, 2, 3},
		5: {1, 4, 2, 5, 3, 6},
		6: {4, 1, 5, 2, 6, 3},
		7: {6, 3, 5, 2, 4, 1},
		8: {3, 6, 2, 5, 1, 4},
	} {
		out, err := Turn(3, 2, orientation, func(dst []uint8, y int) error {
			for x := range 3 {
				dst[4*x] = uint8(1 + x + 3*y)
			}
			return nil
		})
		require.NoError(t, err)
		var have []uint8
		for i := 0; i < len(out.Pix); i += 4 {
			have = append(have, out.Pix[i])
		}
		assert.Equal(t, want, have, "orientation %d", orientation)
		assert.Equal(t, orientation >= 5, out.Rect.Dx() == 2)
	}
	stop := errors.New("stop")
	_, err := Turn(3, 2, 6, func([]uint8, int) error { return stop })
	assert.ErrorIs(t, err, stop)
}
