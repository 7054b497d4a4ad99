package imagefile

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// format is one that is read.
type format struct {
	name     string
	magic    string // the first bytes, ? for any
	config   func(io.Reader) (image.Config, error)
	decode   func(data []byte) (*Picture, error)
	metadata func(data []byte) metadata
}

var formats = []*format{
	{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, plain(png.Decode), pngMetadata},
	{"JPEG", "\xff\xd8\xff", jpeg.DecodeConfig, decodeJPEG, jpegMetadata},
	{"GIF", "GIF8?a", gif.DecodeConfig, decodeGIF, noMetadata},
	{"WebP", "RIFF????WEBP", webp.DecodeConfig, decodeWebP, webpMetadata},
	{"BMP", "BM", bmp.DecodeConfig, plain(bmp.Decode), noMetadata},
	{"TIFF", "II*\x00", tiff.DecodeConfig, decodeTIFF, tiffMetadata},
	{"TIFF", "MM\x00*", tiff.DecodeConfig, decodeTIFF, tiffMetadata},
}

const wanted = "want PNG, JPEG, GIF, WebP, BMP or TIFF"

// otherFormats are known by name alone.
var otherFormats = []struct{ name, magic string }{
	{"an AVIF picture", "????ftypavi"},
	{"a HEIF picture", "????ftyphe"},
	{"a HEIF picture", "????ftypmif1"},
	{"a HEIF picture", "????ftypmsf1"},
	{"a video", "????ftyp"},
	{"a video", "\x1aE\xdf\xa3"},
	{"a BigTIFF picture", "II+\x00"},
	{"a BigTIFF picture", "MM\x00+"},
	{"a JPEG XL picture", "\xff\x0a"},
	{"a JPEG XL picture", "\x00\x00\x00\x0cJXL "},
	{"a JPEG 2000 picture", "\x00\x00\x00\x0cjP  "},
	{"a JPEG 2000 picture", "\xff\x4f\xff\x51"},
	{"a Photoshop file", "8BPS"},
	{"a PDF", "%PDF-"},
	{"an SVG drawing", "<svg"},
	{"an icon", "\x00\x00\x01\x00"},
	{"an OpenEXR picture", "v/1\x01"},
	{"a DDS texture", "DDS "},
	{"a QOI picture", "qoif"},
	{"a Netpbm picture", "P3\n"},
	{"a Netpbm picture", "P5\n"},
	{"a Netpbm picture", "P6\n"},
	{"an XML file", "<?xml"},
	{"an HTML page", "<!DOCTYPE"},
	{"an HTML page", "<html"},
	{"a Git LFS pointer, in place of the file that it names", "version https://git-lfs"},
	{"a ZIP archive", "PK\x03\x04"},
	{"a gzip file", "\x1f\x8b"},
}

// sniff finds the format of a file by its first bytes.
func sniff(head []byte) (*format, error) {
	if len(head) == 0 {
		return nil, errors.New("have no bytes, " + wanted)
	}
	for _, f := range formats {
		if matches(head, f.magic) {
			return f, nil
		}
	}
	for _, f := range otherFormats {
		if matches(head, f.magic) {
			return nil, fmt.Errorf("have %s, %s", f.name, wanted)
		}
	}
	return nil, fmt.Errorf("have a file that begins with % x, %s", head[:min(len(head), 8)], wanted)
}

func matches(head []byte, magic string) bool {
	if len(head) < len(magic) {
		return false
	}
	for i, c := range []byte(magic) {
		if c != '?' && c != head[i] {
			return false
		}
	}
	return true
}

// plain is a decoder whose pixels are right as they come.
func plain(decode func(io.Reader) (image.Image, error)) func([]byte) (*Picture, error) {
	return func(data []byte) (*Picture, error) {
		img, err := decode(bytes.NewReader(data))
		return &Picture{Image: img}, err
	}
}

func decodeJPEG(data []byte) (*Picture, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch img := img.(type) {
	case *image.YCbCr:
		return (&colors{YCbCr: img, chroma: jpegChroma, rgb: jpegRGB}).picture(), nil
	case *image.CMYK:
		return cmykPicture(img), nil
	}
	return &Picture{Image: img}, nil
}

func decodeStillWebP(data []byte) (*Picture, error) {
	img, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	c := &colors{chroma: webpChroma, rgb: webpRGB}
	switch img := img.(type) {
	case *image.YCbCr:
		c.YCbCr = img
	case *image.NYCbCrA:
		c.YCbCr, c.alpha, c.alphaStride = &img.YCbCr, img.A, img.AStride
	default:
		return &Picture{Image: img}, nil
	}
	return c.picture(), nil
}
