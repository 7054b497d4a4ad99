package safetensors

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sdgo/internal/gitlfs"
)

// maxIndex bounds the size of an index file in bytes.
const maxIndex = maxHeader

// OpenIndex opens the files that a *.safetensors.index.json names and shows
// their tensors as one [File]. See [OpenIndexFS].
func OpenIndex(path string) (*File, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	return OpenIndexFS(os.DirFS(dir), name)
}

// OpenIndexFS is [OpenIndex] for a file of any file system.
//
// The index's weight_map gives for each tensor the file that holds it, which
// must lie beside the index. The result has exactly the tensors of weight_map,
// file by file; the files may hold others. It is an error if a name comes
// twice, leads out of the directory, or is not where the index says.
func OpenIndexFS(fsys fs.FS, name string) (*File, error) {
	shards, err := readIndex(fsys, name)
	if err != nil {
		return nil, err
	}
	all := &File{byName: make(map[string]int)}
	for i, s := range shards {
		f, err := OpenFS(fsys, path.Join(path.Dir(name), s.file))
		if err == nil {
			all.mappings = append(all.mappings, f.mappings...)
			err = all.add(f, s)
		}
		if err != nil {
			all.Close()
			return nil, fmt.Errorf("safetensors: %s: %w", name, err)
		}
		if i == 0 {
			all.metadata = f.metadata
		}
	}
	return all, nil
}

// shard is one file of an index.
type shard struct {
	file    string
	tensors map[string]bool
}

// add appends to f the tensors of one shard that the index lists.
func (f *File) add(from *File, s shard) error {
	for name := range s.tensors {
		if _, ok := from.byName[name]; !ok {
			return fmt.Errorf("weight_map: tensor %.200q is not in %s", name, s.file)
		}
	}
	for _, t := range from.tensors {
		if s.tensors[t.Name] {
			f.byName[t.Name] = len(f.tensors)
			f.tensors = append(f.tensors, t)
		}
	}
	return nil
}

// readIndex returns the shards of an index in the order of their names.
func readIndex(fsys fs.FS, name string) ([]shard, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxIndex+1))
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", name, err)
	}
	if len(src) > maxIndex {
		return nil, fmt.Errorf("safetensors: %s: an index of more than %d bytes", name, maxIndex)
	}
	shards, ferr := parseIndex(src)
	if ferr != nil {
		ferr.Name = name
		return nil, ferr
	}
	return shards, nil
}

// parseIndex parses the JSON of an index.
func parseIndex(src []byte) ([]shard, *FormatError) {
	if gitlfs.IsPointer(src) {
		return nil, &FormatError{Msg: gitlfs.ErrPointer.Error()}
	}
	if i := invalidUTF8(src); i >= 0 {
		return nil, &FormatError{Offset: int64(i), Msg: "index: invalid UTF-8"}
	}
	p := &parser{src: src, python: true}
	files := make(map[string]shard)
	names := make(map[string]bool)
	var sawMap bool
	p.object("index", func(key string, at int) {
		if key != "weight_map" {
			p.skip("index")
			return
		}
		if sawMap {
			p.fail(at, "index: weight_map comes twice")
		}
		sawMap = true
		p.object("weight_map", func(tensor string, at int) {
			file := p.str("weight_map")
			if names[tensor] {
				p.fail(at, "weight_map: tensor %.200q comes twice", tensor)
			}
			if err := checkShardName(file); err != nil {
				p.fail(at, "weight_map: tensor %.200q: %v", tensor, err)
				return
			}
			names[tensor] = true
			if _, ok := files[file]; !ok {
				files[file] = shard{file: file, tensors: make(map[string]bool)}
			}
			files[file].tensors[tensor] = true
		})
	})
	p.end("index")
	if p.err == nil && !sawMap {
		p.fail(0, "index: no weight_map")
	}
	if p.err != nil {
		return nil, p.err
	}
	shards := make([]shard, 0, len(files))
	for _, s := range files {
		shards = append(shards, s)
	}
	slices.SortFunc(shards, func(a, b shard) int { return strings.Compare(a.file, b.file) })
	return shards, nil
}

// checkShardName accepts plain file names only.
func checkShardName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\:\x00") {
		return fmt.Errorf("file %.200q: %w", name, errShardName)
	}
	return nil
}

var errShardName = errors.New("want the plain name of a file beside the index")
