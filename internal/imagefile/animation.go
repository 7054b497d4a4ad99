package imagefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"

	"golang.org/x/image/webp"
)

// decodeGIF returns the first image of a GIF on the whole canvas. As in Pillow,
// transparent pixels keep their color, and what the image leaves free of the canvas
// is transparent if it has a transparent color, and else the first of its colors.
func decodeGIF(data []byte) (*Picture, error) {
	canvas, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	transparent := gifTransparent(data)
	img, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	frame, ok := img.(*image.Paletted)
	if !ok || len(frame.Palette) == 0 {
		return nil, errors.New("have no palette")
	}
	background := frame.Palette[0]
	if transparent >= 0 && transparent < len(frame.Palette) {
		c := color.NRGBAModel.Convert(frame.Palette[transparent]).(color.NRGBA)
		c.A = 0
		frame.Palette[transparent], background = c, c
	}
	whole := image.Rect(0, 0, canvas.Width, canvas.Height)
	if frame.Rect == whole {
		return &Picture{Image: frame}, nil
	}
	return &Picture{Image: lay(frame, whole.Min, whole, background)}, nil
}

// lay puts an image, moved by an offset, on a canvas of one color.
func lay(img image.Image, offset image.Point, canvas image.Rectangle, background color.Color) image.Image {
	out := image.NewNRGBA(canvas)
	c := color.NRGBAModel.Convert(background).(color.NRGBA)
	for i := 0; i < len(out.Pix); i += 4 {
		copy(out.Pix[i:i+4], []uint8{c.R, c.G, c.B, c.A})
	}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			out.Set(x+offset.X, y+offset.Y, img.At(x, y))
		}
	}
	return out
}

// gifTransparent returns the index of the first image's transparent color, or -1.
// It takes the transparency away from the data, as the decoder would forget the
// color.
func gifTransparent(data []byte) int {
	if len(data) < 13 {
		return -1
	}
	colors, at := 0, 13
	if data[10]&0x80 != 0 {
		colors = 2 << (data[10] & 7)
		at += 3 * colors
	}
	control := -1 // where the flags of the first image stand
	for at+10 <= len(data) {
		switch data[at] {
		case ',':
			if data[at+9]&0x80 != 0 {
				colors = 2 << (data[at+9] & 7)
			}
			if control < 0 || data[control]&1 == 0 || int(data[control+3]) >= colors {
				return -1
			}
			data[control] &^= 1
			return int(data[control+3])
		case '!':
			if data[at+1] == 0xf9 && data[at+2] == 4 {
				control = at + 3
			}
			for at += 2; at < len(data) && data[at] != 0; {
				at += 1 + int(data[at])
			}
			at++
		default:
			return -1
		}
	}
	return -1
}

// decodeWebP returns a picture, or the first image of an animation on the whole
// canvas, which is transparent black as in libwebp.
func decodeWebP(data []byte) (*Picture, error) {
	const header = 12 + 8 + 10 // RIFF and VP8X
	if len(data) < header || string(data[12:16]) != "VP8X" || data[20]&webpAnimation == 0 {
		return decodeStillWebP(data)
	}
	canvas := image.Rect(0, 0, 1+uint24(data[24:]), 1+uint24(data[27:]))
	for at := header; at+8 <= len(data); {
		kind, length := string(data[at:at+4]), int(binary.LittleEndian.Uint32(data[at+4:]))
		if length > len(data)-at-8 {
			break
		}
		body := data[at+8 : at+8+length]
		at += 8 + length + length&1
		if kind != "ANMF" || len(body) < 16+8 {
			continue
		}
		offset := image.Pt(2*uint24(body), 2*uint24(body[3:]))
		size := image.Pt(1+uint24(body[6:]), 1+uint24(body[9:]))
		frame := image.Rectangle{offset, offset.Add(size)}
		if !frame.In(canvas) {
			return nil, errors.New("have an image outside the canvas")
		}
		file := webpFile(body[16:], size)
		c, err := webp.DecodeConfig(bytes.NewReader(file))
		if err != nil {
			return nil, err
		}
		if c.Width != size.X || c.Height != size.Y {
			return nil, fmt.Errorf("have an image of %d×%d pixels, want %d×%d", c.Width, c.Height, size.X, size.Y)
		}
		p, err := decodeStillWebP(file)
		if err != nil || frame == canvas {
			return p, err
		}
		return &Picture{Image: lay(p.nrgba(), offset, canvas, color.Transparent)}, nil
	}
	return nil, errors.New("have an animation without images")
}

// webpFile makes a file of one image's chunks.
func webpFile(chunks []byte, size image.Point) []byte {
	if string(chunks[:4]) == "ALPH" {
		header := []byte("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		header[8] = webpAlpha
		for i := range 3 {
			header[12+i], header[15+i] = byte((size.X-1)>>(8*i)), byte((size.Y-1)>>(8*i))
		}
		chunks = append(header, chunks...)
	}
	file := append([]byte("RIFF\x00\x00\x00\x00WEBP"), chunks...)
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	return file
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
