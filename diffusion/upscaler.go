package diffusion

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/internal/pillow"
)

// Upscaler is how a picture is enlarged between two passes: its latents, or the decoded
// picture. The names are those of Stable Diffusion WebUI. The empty one is UpscaleLatent.
type Upscaler string

// The latents are enlarged as torch.nn.functional.interpolate does it in the modes
// "bilinear", "bicubic", "nearest" and "nearest-exact", where antialiased with antialias;
// pictures as Pillow does it.
const (
	UpscaleLatent                   Upscaler = "Latent"
	UpscaleLatentAntialiased        Upscaler = "Latent (antialiased)"
	UpscaleLatentBicubic            Upscaler = "Latent (bicubic)"
	UpscaleLatentBicubicAntialiased Upscaler = "Latent (bicubic antialiased)"
	UpscaleLatentNearest            Upscaler = "Latent (nearest)"
	UpscaleLatentNearestExact       Upscaler = "Latent (nearest-exact)"
	UpscaleLanczos                  Upscaler = "Lanczos"
	UpscaleBicubic                  Upscaler = "Bicubic"
	UpscaleBilinear                 Upscaler = "Bilinear"
	UpscaleNearest                  Upscaler = "Nearest"
)

// Upscalers returns all of them.
func Upscalers() []Upscaler {
	return []Upscaler{
		UpscaleLatent, UpscaleLatentAntialiased, UpscaleLatentBicubic, UpscaleLatentBicubicAntialiased, UpscaleLatentNearest, UpscaleLatentNearestExact,
		UpscaleLanczos, UpscaleBicubic, UpscaleBilinear, UpscaleNearest,
	}
}

// enlarging is what the upscalers do: one of the two.
var enlarging = map[Upscaler]struct {
	latents interpolation
	picture *pillow.Filter
}{
	UpscaleLatent: {latents: torchLinear}, UpscaleLatentAntialiased: {latents: torchSmoothLinear},
	UpscaleLatentBicubic: {latents: torchCubic}, UpscaleLatentBicubicAntialiased: {latents: torchSmoothCubic},
	UpscaleLatentNearest: {latents: torchNearest}, UpscaleLatentNearestExact: {latents: torchNearestExact},
	UpscaleLanczos: {picture: &pillow.Lanczos}, UpscaleBicubic: {picture: &pillow.Bicubic}, UpscaleBilinear: {picture: &pillow.Bilinear}, UpscaleNearest: {picture: &pillow.Nearest},
}

// OfLatents says whether the upscaler enlarges latents, and not pictures.
func (u Upscaler) OfLatents() bool { return enlarging[u.named()].latents != nil }

// named is the upscaler that an empty name stands for.
func (u Upscaler) named() Upscaler {
	if u == "" {
		return UpscaleLatent
	}
	return u
}

// check wants one that there is.
func (u Upscaler) check() error {
	if _, ok := enlarging[u.named()]; ok {
		return nil
	}
	var names []string
	for _, name := range Upscalers() {
		names = append(names, string(name))
	}
	return fmt.Errorf("upscaler: have %.80q, want one of %s", string(u), strings.Join(names, ", "))
}

// Latents returns latents [N C H W] in another size, in cells: those of a Result, as
// [Pipeline.LatentsToImage] begins with. Sides are 1 to 8192 cells. It is an error for an
// upscaler of pictures.
func (u Upscaler) Latents(latents *tensor.Dense, width, height int) (*tensor.Dense, error) {
	const what = "diffusion: upscaler: latents"
	if err := u.check(); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	if !u.OfLatents() {
		return nil, fmt.Errorf("%s: have %q, which enlarges pictures, want one of latents, such as %q", what, string(u), UpscaleLatent)
	}
	x, err := nn.Floats(what, latents, -1, -1, -1, -1)
	if err != nil {
		return nil, err
	}
	const most = maxSide / 8
	shape := latents.Shape()
	for _, side := range []int{width, height, shape[2], shape[3]} {
		if side < 1 || side > most {
			return nil, fmt.Errorf("%s: have %d×%d cells to become %d×%d, want sides of 1 to %d", what, shape[3], shape[2], width, height, most)
		}
	}
	cells := shape[2] * shape[3]
	if n := shape[0] * shape[1]; n > maxImagePixels/(width*height) {
		return nil, fmt.Errorf("%s: have %d planes of %d×%d cells, want up to %d numbers in all", what, n, width, height, maxImagePixels)
	}
	var out []float32
	for plane := range slices.Chunk(x, cells) {
		y, err := enlarging[u.named()].latents.resample(context.Background(), plane, shape[2], shape[3], height, width)
		if err != nil {
			return nil, err
		}
		out = append(out, y...)
	}
	return engine.Tensor(out, shape[0], shape[1], height, width), nil
}

// Image returns an image in another size, opaque, as Pillow resizes in mode RGB. Sides are
// 1 to 32768 pixels. It is an error for an upscaler of latents.
func (u Upscaler) Image(img image.Image, width, height int) (*image.NRGBA, error) {
	if err := u.check(); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	if u.OfLatents() {
		return nil, fmt.Errorf("diffusion: upscaler: image: have %q, which enlarges latents, want one of pictures, such as %q", string(u.named()), UpscaleLanczos)
	}
	if width < 1 || height < 1 || width > maxImageSide || height > maxImageSide || width > maxImagePixels/height {
		return nil, fmt.Errorf("diffusion: upscaler: image: have %d×%d pixels to make, want sides of 1 to %d and up to %d in all", width, height, maxImageSide, maxImagePixels)
	}
	src, err := newSource("image", img)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return opaqueImage(resample(ctx, src.rgb(ctx), width, height, *enlarging[u].picture))
}

// opaqueImage reads rows [W 3] as an opaque image.
func opaqueImage(r rows) (*image.NRGBA, error) {
	out, row := image.NewNRGBA(image.Rect(0, 0, r.width, r.height)), make([]uint8, 3*r.width)
	for y := range r.height {
		if err := r.next(row); err != nil {
			return nil, err
		}
		line := out.Pix[y*out.Stride:]
		for x := range r.width {
			copy(line[4*x:], row[3*x:3*x+3])
			line[4*x+3] = 255
		}
	}
	return out, nil
}
