package main

import (
	"context"
	"flag"
	"io"

	"sdgo/examples/internal/inspect"
)

const infoAbout = "shows how a picture was made, or what a model's files hold"

// info shows what a file is.
func info(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return inspect.New("sd info").Run(ctx, args, stdout, stderr)
}

func infoFlags() *flag.FlagSet { return inspect.New("sd info").Flags() }
