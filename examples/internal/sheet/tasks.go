package main

import (
	"context"
	"image"
	"image/draw"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

// painter makes pictures of pictures, until one fails.
type painter struct {
	ctx    context.Context
	pipe   *diffusion.Pipeline
	images []image.Image
	labels []string
	err    error
}

// add adds a picture that make makes, and returns it.
func (p *painter) add(label string, make func(o *diffusion.Options) (*diffusion.Result, error)) image.Image {
	if p.err != nil {
		return nil
	}
	r, err := make(&diffusion.Options{Steps: tinyscenes.Steps, Guidance: tinyscenes.Guidance, Seed: 1})
	if p.err = err; err != nil {
		return nil
	}
	p.images, p.labels = append(p.images, r.Images[0]), append(p.labels, label)
	return r.Images[0]
}

// tasks draws what is made of pictures.
func tasks(ctx context.Context, pipe *diffusion.Pipeline) (image.Image, error) {
	const red, blue = "a red house on a green hill under a yellow sun", "a blue house on a green hill under a yellow sun"
	const boat, other = "at night, a blue boat on the sea with the moon", "at night, a red boat on the sea with the moon"
	p := &painter{ctx: ctx, pipe: pipe}
	house := p.add(red, func(o *diffusion.Options) (*diffusion.Result, error) { return pipe.TextToImage(ctx, red, o) })
	p.add("img2img: "+blue, func(o *diffusion.Options) (*diffusion.Result, error) {
		o.Strength = 0.6
		return pipe.ImageToImage(ctx, blue, house, o)
	})
	p.outpaint(house, red)
	mask := image.NewGray(image.Rect(0, 0, side, side))
	draw.Draw(mask, image.Rect(40, 40, 112, 104), image.White, image.Point{}, draw.Src)
	p.images, p.labels = append(p.images, mask), append(p.labels, "mask for the second row")

	sea := p.add(boat, func(o *diffusion.Options) (*diffusion.Result, error) { return pipe.TextToImage(ctx, boat, o) })
	for _, way := range []struct {
		label, prompt string
		o             diffusion.Options
	}{
		{"inpaint: " + other, other, diffusion.Options{}},
		{"the same, feathered by 6 pixels, a cell's value its strength", other, diffusion.Options{MaskBlur: 6, MaskCells: diffusion.MaskCellsSoft, KeepOutside: true}},
		{"only the masked part, with 20 pixels around: a yellow boat", "at night, a yellow boat on the sea with the moon", diffusion.Options{MaskBlur: 4, MaskPadding: 20}},
	} {
		p.add(way.label, func(o *diffusion.Options) (*diffusion.Result, error) {
			o.MaskBlur, o.MaskCells, o.KeepOutside, o.MaskPadding = way.o.MaskBlur, way.o.MaskCells, way.o.KeepOutside, way.o.MaskPadding
			return pipe.Inpaint(ctx, way.prompt, sea, mask, o)
		})
	}
	if p.err != nil {
		return nil, p.err
	}
	return sheet(p.images, p.labels), nil
}

// outpaint paints around the middle of an image.
func (p *painter) outpaint(img image.Image, prompt string) {
	if p.err != nil {
		return
	}
	middle := img.(*image.NRGBA).SubImage(image.Rect(32, 0, 96, side))
	p.add("outpaint: the middle half of the first", func(o *diffusion.Options) (*diffusion.Result, error) {
		o.KeepOutside, o.MaskCells = true, diffusion.MaskCellsSoft
		return p.pipe.Outpaint(p.ctx, prompt, middle, diffusion.Border{Left: 32, Right: 32, Overlap: 8}, o)
	})
}
