// Command sheet draws examples/tinyscenes/contact.png: what the demo model makes
// of twelve prompts, and what image-to-image and inpainting make of the results.
// All have the same seed; none was selected. It also draws seamless.png there, a picture
// that goes on with its other side, three times three, and tasks.png, what is made of
// pictures.
package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/unet"
)

var prompts = []string{
	"a red house on a green hill under a yellow sun",
	"at night, a blue boat on the sea with the moon",
	"a green tree on snow with the moon at night",
	"a purple car in the desert at sunset",
	"clouds over a white tower on a green hill",
	"a pink house in the snow at sunset",
	"a yellow boat on the sea under clouds",
	"a red tower in the desert under a yellow sun",
	"a picture of a blue car on a green hill",
	"a white house on a green hill at night with the moon",
	"a pink tree in the desert by day with clouds",
	"a purple tower on snow at sunset",
}

const (
	columns = 4
	side    = 128
	gap     = 6
	cell    = side + gap
	line    = side + 5*lineHeight + gap // from one row of pictures to the next
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sheet:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx := context.Background()
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		return err
	}
	defer pipe.Close()

	o := &diffusion.Options{Steps: tinyscenes.Steps, Guidance: tinyscenes.Guidance, Seed: 1}
	var images []image.Image
	var labels []string
	add := func(label string, r *diffusion.Result, err error) error {
		if err == nil {
			images, labels = append(images, r.Images[0]), append(labels, label)
		}
		return err
	}
	for _, prompt := range prompts {
		r, err := pipe.TextToImage(ctx, prompt, o)
		if err := add(prompt, r, err); err != nil {
			return err
		}
	}
	house, boat := images[0], images[1]

	o.Strength = 0.6
	blue := "a blue house on a green hill under a yellow sun"
	r, err := pipe.ImageToImage(ctx, blue, house, o)
	if err := add("img2img: "+blue, r, err); err != nil {
		return err
	}

	o.Strength, o.KeepOutside = 1, true
	mask := image.NewGray(boat.Bounds())
	draw.Draw(mask, image.Rect(32, 32, 120, 112), image.White, image.Point{}, draw.Src)
	images, labels = append(images, mask), append(labels, "mask for the second")
	for _, prompt := range []string{"at night, a red boat on the sea with the moon", "at night, a yellow boat on the sea with the moon"} {
		r, err := pipe.Inpaint(ctx, prompt, boat, mask, o)
		if err := add("inpaint: "+prompt, r, err); err != nil {
			return err
		}
	}
	if err := write(sheet(images, labels), "examples/tinyscenes/contact.png"); err != nil {
		return err
	}

	o = &diffusion.Options{Steps: tinyscenes.Steps, Guidance: tinyscenes.Guidance, Seed: 1, Seamless: unet.Seamless{X: true, Y: true}}
	if r, err = pipe.TextToImage(ctx, "a green tree on a green hill with clouds", o); err != nil {
		return err
	}
	if err := write(wall(r.Images[0]), "examples/tinyscenes/seamless.png"); err != nil {
		return err
	}
	made, err := tasks(ctx, pipe)
	if err != nil {
		return err
	}
	return write(made, "examples/tinyscenes/tasks.png")
}

// write writes a picture as a PNG file.
func write(img image.Image, path string) error {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// wall lays an image out three times three.
func wall(img image.Image) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, 3*side, 3*side))
	for i := range 9 {
		draw.Draw(out, image.Rect(0, 0, side, side).Add(image.Pt(i%3*side, i/3*side)), img, img.Bounds().Min, draw.Src)
	}
	return out
}

// sheet lays the images out in rows, each with its label below.
func sheet(images []image.Image, labels []string) image.Image {
	lines := (len(images) + columns - 1) / columns
	out := image.NewNRGBA(image.Rect(0, 0, columns*cell+gap, lines*line+gap))
	draw.Draw(out, out.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	for i, img := range images {
		x, y := gap+i%columns*cell, gap+i/columns*line
		draw.Draw(out, image.Rect(x, y, x+side, y+side), img, img.Bounds().Min, draw.Src)
		label(out, x, y+side+3, x+side, labels[i])
	}
	return out
}
