package pickle

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	stdpath "path"
	"strings"
)

// pickleFile is the pickle's name in the archive's one folder.
const pickleFile = "data.pkl"

// maxEntries is how many files an archive may have: a storage each.
const maxEntries = maxValues

// readArchive reads the pickle of a zip archive, whose storages are files beside it:
//
//	archive/data.pkl  archive/data/0  archive/data/1 …  archive/byteorder  archive/version
func readArchive(ctx context.Context, src *source) (any, error) {
	z, err := zip.NewReader(src.at, src.size)
	if err != nil {
		return nil, fmt.Errorf("zip archive of %d bytes, cut off or damaged: %w", src.size, err)
	}
	a, err := index(src, z)
	if err != nil {
		return nil, err
	}
	big, err := a.bigEndian()
	if err != nil {
		return nil, err
	}
	name := a.folder + "/" + pickleFile
	at, size, err := a.entry(name)
	if err != nil {
		return nil, err
	}
	stores := &storages{src: src, byKey: make(map[string]*storage)}
	stores.place = func(key string, s *storage) error {
		entry := a.folder + "/data/" + key
		at, size, err := a.entry(entry)
		if err != nil {
			return err
		}
		if size != s.bytes {
			return fmt.Errorf("have %d bytes in %.200q, want %d of %v", size, entry, s.bytes, s.dtype)
		}
		s.at, s.big = at, big
		return nil
	}
	root, err := newMachine(ctx, src.at, at, at+size, 0, stores.find).run()
	if err != nil {
		return nil, fmt.Errorf("%.200s: %w", name, err)
	}
	return root, nil
}

// archive are the files of a zip archive.
type archive struct {
	src    *source
	folder string
	files  map[string]*zip.File
}

// index lists the files of an archive, and finds the folder that has the pickle.
func index(src *source, z *zip.Reader) (*archive, error) {
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("zip archive of %d files, want at most %d", len(z.File), maxEntries)
	}
	a := &archive{src: src, files: make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		if a.files[f.Name] != nil {
			return nil, fmt.Errorf("zip archive with two files %.200q", f.Name)
		}
		a.files[f.Name] = f
		if dir, file := stdpath.Split(f.Name); file == pickleFile && strings.Count(dir, "/") == 1 {
			if a.folder != "" {
				return nil, fmt.Errorf("zip archive with %s in %.80q and in %.80q", pickleFile, a.folder, dir)
			}
			a.folder = strings.TrimSuffix(dir, "/")
		}
	}
	switch {
	case a.folder == "":
		return nil, fmt.Errorf("zip archive of %d files without %s, want one that torch.save wrote", len(z.File), pickleFile)
	case a.files[a.folder+"/constants.pkl"] != nil:
		return nil, errors.New("this is a program of TorchScript, want a file of torch.save")
	}
	return a, nil
}

// entry returns where the bytes of a file are.
func (a *archive) entry(name string) (at, size int64, err error) {
	f := a.files[name]
	if f == nil {
		return 0, 0, fmt.Errorf("zip archive without %.200q", name)
	}
	const encrypted = 1
	switch {
	case f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64:
		return 0, 0, fmt.Errorf("%.200q is compressed (method %d, %d bytes to %d), want it stored as torch.save does",
			name, f.Method, f.CompressedSize64, f.UncompressedSize64)
	case f.Flags&encrypted != 0:
		return 0, 0, fmt.Errorf("%.200q is encrypted", name)
	}
	if at, err = f.DataOffset(); err != nil {
		return 0, 0, fmt.Errorf("%.200q: %w", name, err)
	}
	if at > a.src.size || f.CompressedSize64 > uint64(a.src.size-at) {
		return 0, 0, fmt.Errorf("%.200q: have %d bytes at offset %d, want them before the end of the file at %d", name, f.CompressedSize64, at, a.src.size)
	}
	return at, int64(f.CompressedSize64), nil
}

// bigEndian tells whether the archive's storages are big endian.
func (a *archive) bigEndian() (bool, error) {
	name := a.folder + "/byteorder"
	if a.files[name] == nil {
		return false, nil // before PyTorch 2.1, on nearly all machines
	}
	at, size, err := a.entry(name)
	if err != nil {
		return false, err
	}
	order := make([]byte, min(size, int64(len("little")+1)))
	if err := a.src.read(order, at); err != nil {
		return false, err
	}
	switch {
	case bytes.Equal(order, []byte("little")):
		return false, nil
	case bytes.Equal(order, []byte("big")):
		return true, nil
	}
	return false, fmt.Errorf("%.200q: have %q, want little or big", name, order)
}
