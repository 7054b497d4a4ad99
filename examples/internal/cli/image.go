package cli

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sdgo/diffusion"
)

// checkOutput finds out early that a file could not be written.
func checkOutput(path string) error {
	if path == "" {
		return errors.New("-o: have an empty name, want a file")
	}
	if ext := filepath.Ext(path); ext != "" && !strings.EqualFold(ext, ".png") {
		return fmt.Errorf("-o: have %s, want a name that ends in .png", path)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("-o: %s is not a regular file", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("-o: %w", err)
	}
	f, err := createTemporary(path)
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Save writes the pictures, all or none, and tells what was cut from the prompt
// and how long everything took.
func (c *Command) Save(r *diffusion.Result) error {
	c.progress.clear()
	for _, cut := range []struct{ what, text string }{
		{"prompt", r.Truncated}, {"negative prompt", r.TruncatedNegative},
	} {
		if cut.text != "" {
			fmt.Fprintf(c.stderr, "note: the %s is too long for the text encoder; left out: %q\n", cut.what, cut.text)
		}
	}
	files := make(map[string][]byte)
	var names []string
	for i, img := range r.Images {
		name := c.output
		if len(r.Images) > 1 {
			ext := filepath.Ext(name)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), i, ext)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			return err
		}
		names = append(names, name)
		files[name] = b.Bytes()
	}
	if err := writeFiles(files); err != nil {
		return err
	}
	t := r.Timings
	fmt.Fprintf(c.stderr, "%s: load %s, encode %s, %d steps %s%s, decode %s\n",
		strings.Join(names, " "), seconds(c.loading), seconds(t.TextEncoder+t.VAEEncoder), c.progress.steps, seconds(t.Sampling), reused(r), seconds(t.VAEDecoder))
	return nil
}

// reused tells how many calls of the U-Net were not whole, over all images.
func reused(r *diffusion.Result) string {
	if r.Reused == nil {
		return ""
	}
	sum := 0
	for _, n := range r.Reused {
		sum += n
	}
	return fmt.Sprintf(" (%d of %d U-Net calls in part)", sum, r.Timings.Calls*len(r.Reused))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// writeFiles writes all files beside their places before it moves the first one
// there.
func writeFiles(files map[string][]byte) (err error) {
	temporary := make(map[string]string)
	defer func() {
		for _, name := range temporary {
			os.Remove(name)
		}
	}()
	for name, data := range files {
		f, err := createTemporary(name)
		if err != nil {
			return err
		}
		temporary[name] = f.Name()
		_, err = f.Write(data)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	for name, t := range temporary {
		if err := os.Rename(t, name); err != nil {
			return err
		}
		delete(temporary, name)
	}
	return nil
}

// createTemporary creates a file beside the named one, with the permissions that
// any new file gets.
func createTemporary(name string) (*os.File, error) {
	folder, base := filepath.Split(name)
	temporary := fmt.Sprintf("%s.%s.%08x", folder, base, rand.Uint32())
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return nil, fmt.Errorf("%s: %w", name, pathErr.Err)
	}
	return f, err
}
