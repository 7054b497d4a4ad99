// Package taesd reads the small autoencoder TAESD from the files of its author and of other
// tools, which have no configuration: its structure comes from the names and shapes of
// the tensors, in which the layers of each half are numbered.
//
//	taesd_encoder.safetensors  0.weight  1.conv.0.weight  …
//	taesd_decoder.safetensors  1.weight  3.conv.0.weight  …
//	one file of both           encoder.0.weight, decoder.1.weight, or with taesd_ before them
//	diffusers' alone           encoder.layers.0.weight, decoder.layers.0.weight
//
// https://github.com/madebyollin/taesd
package taesd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"sdgo/internal/loader"
	"sdgo/internal/regular"
)

// layer is a name: what stands before the number of a layer, the number, and the rest.
var layer = regexp.MustCompile(`^(|(?:taesd_)?(?:encoder|decoder)\.(?:layers\.)?)(\d{1,4})\.((?:conv\.[024]\.)?(?:weight|bias))$`)

// inBlock is how the first convolution of a block is called.
const inBlock = "conv.0.weight"

// tensors are those of a file.
type tensors interface{ Names() []string }

// Is says whether the tensors of a file are those of a TAESD, or of half of one.
func Is(file tensors) bool {
	for _, name := range file.Names() {
		if m := layer.FindStringSubmatch(name); m != nil && m[3] == inBlock {
			return true
		}
	}
	return false
}

// Open opens the TAESD in a file of fsys, and in that of the other half beside it, which is
// called the same but for "encoder" in place of "decoder": a decoder may be alone. It
// takes over the file, which is open already.
func Open(ctx context.Context, fsys fs.FS, name string, file *loader.Folder) (_ *Source, err error) {
	s := &Source{files: []*loader.Folder{file}, places: make(map[string]place)}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	s.add(file)
	for _, half := range []string{encoder, decoder} {
		other := partner(name, half)
		if s.has(half) || other == "" {
			continue
		}
		if _, err := regular.Mode(fsys, other); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		second, err := loader.OpenFile(ctx, fsys, other)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, second)
		s.add(second)
	}
	if !s.has(decoder) {
		want := ""
		if other := partner(name, decoder); other != "" {
			want = fmt.Sprintf(" (%s)", other)
		}
		return nil, fmt.Errorf("taesd: %s: have an encoder alone, want the decoder%s, too", name, want)
	}
	return s, s.configure()
}

// The halves, as diffusers calls them.
const (
	encoder = "encoder"
	decoder = "decoder"
)

// partner is the name of the file with a half beside that with the other, or "".
func partner(name, half string) string {
	from := encoder
	if half == encoder {
		from = decoder
	}
	dir, base := path.Split(name)
	i := strings.LastIndex(base, from)
	if i < 0 {
		return ""
	}
	return dir + base[:i] + half + base[i+len(from):]
}

// add takes the tensors of a file under their names in diffusers.
func (s *Source) add(file *loader.Folder) {
	names := file.Names()
	bare := decoder // begins with a layer that has no tensors: it clamps
	if _, _, ok := file.Tensor("0.weight"); ok {
		bare = encoder
	}
	for _, name := range names {
		m := layer.FindStringSubmatch(name)
		if m == nil {
			s.unused = append(s.unused, name)
			continue
		}
		half, number := bare, m[2]
		switch {
		case strings.Contains(m[1], encoder):
			half = encoder
		case m[1] != "":
			half = decoder
		}
		if n, _ := strconv.Atoi(number); half == decoder && !strings.HasSuffix(m[1], "layers.") {
			number = strconv.Itoa(n - 1) // diffusers does not count the clamp
		}
		to := fmt.Sprintf("%s.layers.%s.%s", half, number, m[3])
		if _, twice := s.places[to]; !twice {
			s.names = append(s.names, to)
			s.places[to] = place{file, name}
		}
	}
}
