package diffusion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/internal/taesd"
)

// Inspect says what the model at a path is, a folder or a file as [Load] takes them, and
// what Load would do with it. It reads headers and configurations, and no weights; it
// takes some milliseconds for a model of any size. Files of other kinds are told by name.
// It is an error if the path cannot be read, or is no file of tensors.
func Inspect(path string) (*Report, error) { return InspectContext(context.Background(), path, nil) }

// InspectContext is [Inspect] with the options that Load is to have, which may be nil, and
// returns ctx's error soon after ctx is done.
func InspectContext(ctx context.Context, path string, o *LoadOptions) (*Report, error) {
	from, err := originOf(path)
	if err != nil {
		return nil, fmt.Errorf("diffusion: inspect: %w", err)
	}
	return from.inspect(ctx, o)
}

// InspectFSContext is [InspectContext] for a file system: of the folder or file called
// name, "." being the whole. Files that cannot be mapped are read, see [LoadFS].
func InspectFSContext(ctx context.Context, fsys fs.FS, name string, o *LoadOptions) (*Report, error) {
	if fsys == nil {
		return nil, errors.New("diffusion: inspect: have no file system")
	}
	if isDir(fsys, name) {
		sub, err := fs.Sub(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("diffusion: inspect: %w", err)
		}
		return origin{sub, "", name}.inspect(ctx, o)
	}
	return origin{fsys, name, name}.inspect(ctx, o)
}

// inspect reports on what is there.
func (g origin) inspect(ctx context.Context, o *LoadOptions) (*Report, error) {
	o = cmp.Or(o, &LoadOptions{})
	if ctx == nil {
		return nil, errors.New("diffusion: inspect: have a nil context")
	}
	if err := o.checkPrediction(); err != nil {
		return nil, err
	}
	r := &Report{Path: g.path, Container: "folder"}
	read := r.readFolder
	if g.file != "" {
		r.Container, read = containerOf(g.file), r.readFile
	}
	err := read(ctx, g, o)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("diffusion: inspect: %w", err)
	}
	return r, nil
}

// explain returns the error of a load with a report of the files, if they can be read.
func (g origin) explain(ctx context.Context, o *LoadOptions, err error) error {
	if ctx.Err() != nil {
		return err
	}
	r, failed := g.inspect(ctx, o)
	if failed != nil {
		return err // which says what is wrong with them
	}
	if len(r.Problems) == 0 { // it lies in what no header tells
		r.problem(err)
	}
	return &LoadError{Err: err, Report: r}
}

// containerOf says what kind of file has such a name.
func containerOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".ckpt", ".pt", ".pth", ".bin":
		return "PyTorch"
	case ".gguf":
		return "GGUF"
	}
	return "safetensors"
}

// problem adds why the files are refused.
func (r *Report) problem(err error) {
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
}

// readFolder reports on a folder.
func (r *Report) readFolder(ctx context.Context, g origin, o *LoadOptions) error {
	f, err := g.open(ctx, o)
	if err != nil {
		return r.readOtherFolder(ctx, g, err, o)
	}
	defer f.close()
	return r.readParts(ctx, f, o)
}

// readFile reports on a file.
func (r *Report) readFile(ctx context.Context, g origin, o *LoadOptions) error {
	file, err := loader.OpenFile(ctx, g.fsys, g.file)
	if err != nil {
		return err
	}
	defer file.Close()
	m, err := openLDM(ctx, file, o)
	if errors.Is(err, ldm.ErrNoAverages) {
		r.problem(err)
		without := *o
		without.EMA = false
		m, err = openLDM(ctx, file, &without)
	}
	var incomplete *ldm.Incomplete
	switch {
	case err == nil:
	case taesd.Is(file):
		r.problem(err)
		return r.readTAESD(ctx, g, file, o)
	case errors.As(err, &incomplete): // what there is can be told all the same
		r.problem(err)
		return r.readIncomplete(ctx, file, incomplete, o)
	default:
		r.readRefused(file, m, architecture(file, err))
		return nil
	}
	f, err := newSingleFile(ctx, g.fsys, g.file, file, m, o)
	if err == nil {
		err = f.takeGiven(o)
	}
	if err != nil {
		r.readRefused(file, m, err)
		return nil
	}
	r.problem(f.noTokenizer)
	return r.readParts(ctx, f, o)
}

// readTAESD reports on the files of a TAESD, of which this is one.
func (r *Report) readTAESD(ctx context.Context, g origin, file *loader.Folder, o *LoadOptions) error {
	r.Family, r.Name = "vae", "TAESD, a small VAE"
	ctx, x, done, err := r.examine(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	src, err := taesd.Open(ctx, g.fsys, g.file, file)
	if err != nil {
		r.readRefused(file, nil, err)
		r.Family, r.Name = "vae", "half of TAESD, a small VAE"
		return nil
	}
	x.part(ctx, ldm.VAE, src, r.Path, false)
	r.useParts(ldm.VAE)
	return nil
}
