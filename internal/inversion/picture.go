package inversion

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"io/fs"

	"sdgo/internal/imagefile"
	"sdgo/internal/regular"
)

// Limits of pictures, and of the text in one: 75 vectors of 1280 numbers have two
// megabytes of digits.
const (
	maxPicture = 64 << 20 // bytes
	maxPixels  = 1 << 24
	maxText    = 64 << 20
)

// textKey is the key of the text in a PNG.
const textKey = "sd-ti-embedding"

// readPicture reads a picture in which WebUI keeps an inversion.
func readPicture(ctx context.Context, fsys fs.FS, name string) (*File, error) {
	data, err := regular.ReadFile(ctx, fsys, name, maxPicture)
	if err != nil {
		return nil, err
	}
	f, err := fromPicture(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// fromPicture looks for the text under its key, and then in the pixels.
func fromPicture(data []byte) (*File, error) {
	if text := imagefile.PNGText(data, textKey); text != nil {
		decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", textKey, err)
		}
		return fromJSON(decoded)
	}
	if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width > maxPixels/max(c.Height, 1) {
		return nil, errNothing
	}
	p, err := imagefile.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if p.Image == nil { // colors at half resolution hide nothing
		return nil, errNothing
	}
	text, err := hidden(p.Image)
	if err != nil {
		return nil, err
	}
	return fromJSON(text)
}

// tensorKey marks a list as a tensor.
const tensorKey = "TORCHTENSOR"

// fromJSON reads what WebUI writes in place of a file of PyTorch.
func fromJSON(text []byte) (*File, error) {
	var file struct {
		Name   string `json:"name"`
		Params map[string]struct {
			Tensor json.RawMessage `json:"TORCHTENSOR"`
		} `json:"string_to_param"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("the text: %w", err)
	}
	if len(file.Params) != 1 {
		return nil, fmt.Errorf("the text: have %d words in %s, want one", len(file.Params), param)
	}
	f := &File{Name: file.Name, Vectors: make(map[string][][]float32)}
	for _, p := range file.Params {
		var list [][]float32
		if err := json.Unmarshal(p.Tensor, &list); err != nil {
			return nil, fmt.Errorf("the text: %s: %w", tensorKey, err)
		}
		if len(list) < 1 || len(list) > MaxVectors {
			return nil, fmt.Errorf("the text: have %d vectors, want 1 to %d", len(list), MaxVectors)
		}
		for i, v := range list {
			if len(v) != len(list[0]) || len(v) < 1 || len(v) > MaxWidth {
				return nil, fmt.Errorf("the text: vector %d: have %d numbers, want 1 to %d, as many as the first", i, len(v), MaxWidth)
			}
		}
		f.Vectors[Any] = list
	}
	return f, nil
}

// errNothing is the error for a picture like any other.
var errNothing = errors.New("have a picture without a textual inversion in it")

// hidden returns the text that is hidden in a picture, compressed: the low halves of its
// bytes are the low halves of the pixels' bytes at the left, up to two columns or more
// that are black, and the high halves the same at the right. Both are mixed with the
// numbers of a generator. There may be a black border.
func hidden(img image.Image) ([]byte, error) {
	pix := cropped(pixels(img))
	first, last, black := pix.w, -1, 0
	for x := range pix.w {
		if pix.black(x) {
			first, last, black = min(first, x), x, black+1
		}
	}
	if black < 2 {
		return nil, errNothing
	}
	low, high := pix.mixed(0, first), pix.mixed(last+1, pix.w)
	if len(low) != len(high) || len(low) == 0 {
		return nil, errNothing
	}
	for i, h := range high {
		low[i] |= h << 4
	}
	z, err := zlib.NewReader(bytes.NewReader(low))
	if err != nil {
		return nil, errNothing
	}
	text, err := io.ReadAll(io.LimitReader(z, maxText+1))
	if err != nil || len(text) > maxText {
		return nil, fmt.Errorf("the text in the pixels: have %d bytes and an error (%v), want at most %d", len(text), err, maxText)
	}
	return text, nil
}

// block is a part of a picture [h w 3].
type block struct {
	data []uint8
	w, h int
}

// pixels are those of a picture.
func pixels(img image.Image) block {
	r := img.Bounds()
	b := block{make([]uint8, 0, 3*r.Dx()*r.Dy()), r.Dx(), r.Dy()}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			b.data = append(b.data, c.R, c.G, c.B)
		}
	}
	return b
}

// cropped leaves out the border, in which no pixel has all three colors.
func cropped(b block) block {
	left, right, top, bottom := b.w, 0, b.h, 0
	for y := range b.h {
		for x := range b.w {
			if px := b.data[3*(y*b.w+x):][:3]; px[0] > 0 && px[1] > 0 && px[2] > 0 {
				left, right, top, bottom = min(left, x), max(right, x+1), min(top, y), max(bottom, y+1)
			}
		}
	}
	out := block{w: max(right-left, 0), h: max(bottom-top, 0)}
	for y := top; y < bottom; y++ {
		out.data = append(out.data, b.data[3*(y*b.w+left):3*(y*b.w+right)]...)
	}
	return out
}

// black says whether a column has nothing in its low halves.
func (b block) black(x int) bool {
	for y := range b.h {
		if px := b.data[3*(y*b.w+x):][:3]; (px[0]|px[1]|px[2])&0xf != 0 {
			return false
		}
	}
	return true
}

// mixed returns the low halves of some columns without what they are mixed with.
func (b block) mixed(from, to int) []uint8 {
	out := make([]uint8, 0, 3*b.h*(to-from))
	seed := uint32(0)
	for y := range b.h {
		for _, v := range b.data[3*(y*b.w+from) : 3*(y*b.w+to)] {
			seed = 1664525*seed + 1013904223
			out = append(out, v&0xf^uint8(seed%255)&0xf)
		}
	}
	return out
}
