// Command samplers compares the samplers on the demo model. It draws a sheet of
// what each makes in so many steps, and a plot of how fast those without noise
// approach the exact solution.
//
//	samplers -samplers euler,heun,dpmpp_2m -steps 5,10,20
//
// README.md says how to read them.
package main

import (
	"context"
	"fmt"
	"image/png"
	"io"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/examples/tinyscenes"
	"sdgo/internal/atomicfile"
)

func main() { cli.Program("samplers", run) }

// run draws what args ask for and tells on progress how far it is.
func run(ctx context.Context, args []string, stdout, progress io.Writer) error {
	s, err := parse(args, stdout)
	if err != nil {
		return err
	}
	pipe, err := diffusion.LoadFSContext(ctx, tinyscenes.FS, &diffusion.LoadOptions{Threads: s.threads})
	if err != nil {
		return err
	}
	defer pipe.Close()
	if err := s.checkFiles(); err != nil {
		return err
	}
	l := &lab{settings: s, pipe: pipe, progress: progress}
	if err := l.check(); err != nil {
		return cli.Misuse(err)
	}
	for _, picture := range []struct {
		name string
		draw func(context.Context) (*canvas, error)
	}{
		{s.sheet, l.sheet},
		{s.plot, l.plot},
	} {
		if picture.name == "" {
			continue
		}
		c, err := picture.draw(ctx)
		if err != nil {
			return err
		}
		if err := write(picture.name, c); err != nil {
			return err
		}
		fmt.Fprintf(progress, "wrote %s\n", picture.name)
	}
	return nil
}

// write writes a picture, whole or not at all.
func write(name string, c *canvas) error {
	f, err := atomicfile.Create(name)
	if err != nil {
		return err
	}
	defer f.Discard()
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(f, c); err != nil {
		return err
	}
	return f.Commit()
}
