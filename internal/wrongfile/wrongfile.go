// Package wrongfile knows what stands in the place of a model's file where a download
// or a copy went wrong, so that the error can say it.
package wrongfile

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	// Git leaves a pointer in place of a large file that was cloned without Git LFS.
	//
	// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
	errPointer = errors.New(`this is a Git LFS pointer, not the file itself, which "git lfs pull" fetches`)
	errPage    = errors.New("this is a web page, not the file itself")
)

// maxPointer is what the specification of Git LFS allows a pointer in bytes.
const maxPointer = 1024

// Text says what is in the place of a text, such as a config, or is nil if nothing tells.
// Data is the whole file.
func Text(data []byte) error {
	if len(data) < maxPointer && (bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")) ||
		bytes.HasPrefix(data, []byte("version https://hawser.github.com/spec/"))) { // as it was called first
		return errPointer
	}
	begin := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), maxPointer)], "\ufeff \t\r\n"))
	if bytes.HasPrefix(begin, []byte("<!doctype html")) || bytes.HasPrefix(begin, []byte("<html")) {
		return errPage
	}
	return nil
}

// binaries are files of other formats by how they begin.
var binaries = []struct{ begin, what string }{
	{"PK\x03\x04", "a zip archive, such as a .ckpt, .pt or .bin of PyTorch"},
	{"\x80\x02", "a pickle, such as an old .ckpt, .pt or .bin of PyTorch"},
	{"\x80\x03", "a pickle"},
	{"\x80\x04", "a pickle"},
	{"\x80\x05", "a pickle"},
	{"GGUF", "a GGUF file"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{"\x1f\x8b", "a gzip archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive"},
	{"\x28\xb5\x2f\xfd", "a Zstandard archive"},
}

// Binary says what is in the place of a file of the format wanted whose header cannot be
// one, or is nil if nothing tells. Data is the whole file.
func Binary(data []byte, want string) error {
	if err := Text(data); err != nil {
		return err
	}
	for _, b := range binaries {
		if bytes.HasPrefix(data, []byte(b.begin)) {
			return fmt.Errorf("this is %s, want %s", b.what, want)
		}
	}
	begin := data[:min(len(data), 60)]
	if len(begin) > 0 && !bytes.ContainsFunc(begin, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r > '~' }) {
		return fmt.Errorf("this is a text that begins with %q, want %s", begin, want)
	}
	return nil
}
