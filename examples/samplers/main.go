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
	"io"
	"os"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/examples/tinyscenes"
)

func main() {
	cli.Main("samplers", "compares samplers on the demo model", func(ctx context.Context, _ *cli.Command, args []string) error {
		return run(ctx, args, os.Stdout, os.Stderr)
	})
}

// run draws what args ask for and tells on progress how far it is.
func run(ctx context.Context, args []string, stdout, progress io.Writer) error {
	s, err := parse(args, stdout)
	if err != nil {
		return err
	}
	pipe, err := diffusion.LoadFS(tinyscenes.FS, &diffusion.LoadOptions{Threads: s.threads})
	if err != nil {
		return err
	}
	defer pipe.Close()
	l := &lab{settings: s, pipe: pipe, progress: progress}
	if err := l.check(); err != nil {
		return err
	}
	for _, picture := range []struct {
		flag, name string
		draw       func(context.Context) (*canvas, error)
	}{
		{"-o-sheet", s.sheet, l.sheet},
		{"-o-plot", s.plot, l.plot},
	} {
		if picture.name == "" {
			continue
		}
		file, err := create(picture.name)
		if err != nil {
			return fmt.Errorf("%s: %w", picture.flag, err)
		}
		defer file.discard()
		c, err := picture.draw(ctx)
		if err != nil {
			return err
		}
		if err := file.write(c); err != nil {
			return err
		}
		fmt.Fprintf(progress, "wrote %s\n", picture.name)
	}
	return nil
}
