package safetensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sdgo/internal/regular"
	"sdgo/internal/wrongfile"
)

// These bound what an index costs to read. The largest published one has 9 MB, 91,000
// tensors and 163 files.
const (
	maxIndex  = 32 << 20 // bytes
	maxShards = 4096     // files
)

// OpenIndex opens the files that a *.safetensors.index.json names and shows
// their tensors as one [File]. See [OpenIndexFS].
func OpenIndex(path string) (*File, error) {
	return OpenIndexFS(regular.OS{}, filepath.ToSlash(path))
}

// OpenIndexFS is [OpenIndex] for a file of any file system.
//
// The index's weight_map gives for each tensor the file that holds it, which
// must lie beside the index. The result has exactly the tensors of weight_map,
// file by file; the files may hold others. It is an error if a name comes
// twice, leads out of the directory, or is not where the index says.
func OpenIndexFS(fsys fs.FS, name string) (*File, error) {
	return OpenIndexFSContext(context.Background(), fsys, name)
}

// OpenIndexFSContext is [OpenIndexFS] that returns ctx's error soon after ctx is done.
func OpenIndexFSContext(ctx context.Context, fsys fs.FS, name string) (*File, error) {
	shards, err := readIndex(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	all := &File{byName: make(map[string]int)}
	headers := 0 // bytes
	for i, s := range shards {
		f, err := OpenFSContext(ctx, fsys, path.Join(path.Dir(name), s.file))
		if err == nil {
			all.mappings = append(all.mappings, f.mappings...)
			headers += f.header
			err = all.add(f, s)
		}
		if err == nil && headers > maxHeader {
			err = fmt.Errorf("the headers of %d of %d files have more than %d bytes", i+1, len(shards), maxHeader)
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
	tensors []string
}

// add appends to f the tensors of one shard that the index lists, in the order of
// their data.
func (f *File) add(from *File, s shard) error {
	places := make([]int, len(s.tensors))
	for i, name := range s.tensors {
		at, ok := from.byName[name]
		if !ok {
			return fmt.Errorf("weight_map: tensor %.200q is not in %.200s", name, s.file)
		}
		places[i] = at
	}
	slices.Sort(places)
	for _, i := range places {
		t := from.tensors[i]
		f.byName[t.Name] = len(f.tensors)
		f.tensors = append(f.tensors, t)
	}
	return nil
}

// readIndex returns the shards of an index in the order of their names.
func readIndex(ctx context.Context, fsys fs.FS, name string) ([]shard, error) {
	src, err := regular.ReadFile(ctx, fsys, name, maxIndex)
	if err != nil {
		return nil, fmt.Errorf("safetensors: index: %w", err)
	}
	shards, ferr := parseIndex(ctx, src)
	if ferr != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("safetensors: %s: %w", name, ctx.Err())
		}
		ferr.Name = name
		return nil, ferr
	}
	return shards, nil
}

// parseIndex parses the JSON of an index.
func parseIndex(ctx context.Context, src []byte) ([]shard, *FormatError) {
	if err := wrongfile.Text(src); err != nil {
		return nil, &FormatError{Msg: err.Error()}
	}
	if i := invalidUTF8(src); i >= 0 {
		return nil, &FormatError{Offset: int64(i), Msg: "index: invalid UTF-8"}
	}
	p := &parser{ctx: ctx, src: src, python: true}
	var shards []shard
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
		shards = p.weightMap()
	})
	p.end("index")
	if p.err == nil && !sawMap {
		p.fail(0, "index: no weight_map")
	}
	if p.err != nil {
		return nil, p.err
	}
	slices.SortFunc(shards, func(a, b shard) int { return strings.Compare(a.file, b.file) })
	return shards, nil
}

// weightMap reads the map from tensors to files.
func (p *parser) weightMap() []shard {
	var shards []shard
	places := make(map[string]int) // into shards
	names := make(map[string]struct{})
	p.object("weight_map", func(tensor string, at int) {
		file := p.str("weight_map")
		if _, ok := names[tensor]; ok {
			p.fail(at, "weight_map: tensor %.200q comes twice", tensor)
		}
		if err := checkShardName(file); err != nil {
			p.fail(at, "weight_map: tensor %.200q: %v", tensor, err)
		}
		i, ok := places[file]
		if !ok {
			i = len(shards)
			places[file] = i
			shards = append(shards, shard{file: file})
		}
		switch {
		case len(shards) > maxShards:
			p.fail(at, "weight_map: more than %d files", maxShards)
		case len(names) == maxTensors:
			p.fail(at, "weight_map: more than %d tensors", maxTensors)
		}
		names[tensor] = struct{}{}
		shards[i].tensors = append(shards[i].tensors, tensor)
	})
	return shards
}

// checkShardName accepts plain file names only.
func checkShardName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\:\x00") {
		return fmt.Errorf("file %.200q: %w", name, errShardName)
	}
	return nil
}

var errShardName = errors.New("want the plain name of a file beside the index")
