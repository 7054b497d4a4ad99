//go:build gpu && cgo && linux

package sim

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
)

//go:embed src
var sources embed.FS

// flags are those of the compiler. No option may change what arithmetic gives:
// contraction to fused multiply-add would.
var flags = []string{"-std=c++20", "-O2", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-Wno-psabi", "-pthread"}

// arch is the processor to compile for, a value of the compiler's -march. The environment
// may name another: x86-64 has no vectors that the code is written for.
func arch() string {
	if a := os.Getenv("SDGO_SIM_ARCH"); a != "" {
		return a
	}
	return "native"
}

// Build compiles the software driver and returns the path of its library. Objects are
// kept in the user's cache by their content, so that only what changed is compiled.
func Build() (string, error) {
	b, err := newBuilder()
	if err != nil {
		return "", fmt.Errorf("cuda sim: %w", err)
	}
	path, err := b.library()
	if err != nil {
		return "", fmt.Errorf("cuda sim: building the software driver: %w", err)
	}
	return path, nil
}

type builder struct {
	compiler string
	flags    []string
	cache    string
	how      []byte // sum of compiler, flags and processor
}

func newBuilder() (*builder, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	b := &builder{compiler: os.Getenv("CXX"), cache: filepath.Join(cache, "sdgo-sim")}
	if b.compiler == "" {
		b.compiler = "g++"
	}
	b.flags = append(append([]string{"-march=" + arch()}, flags...), strings.Fields(os.Getenv("CGO_CFLAGS"))...)
	sum := sha256.New()
	fmt.Fprintln(sum, b.compiler, b.flags)
	version, err := exec.Command(b.compiler, "-march="+arch(), "-Q", "--help=target", "--version").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", b.compiler, err, version)
	}
	sum.Write(version) // what native means, too
	b.how = sum.Sum(nil)
	return b, nil
}

// library compiles what is not in the cache and links it.
func (b *builder) library() (string, error) {
	work, err := os.MkdirTemp("", "sdgo-sim")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, sources); err != nil {
		return "", err
	}
	files, _ := fs.Glob(sources, "src/*.cpp")
	objects, failed := make([]string, len(files)), make([]error, len(files))
	var group sync.WaitGroup
	turns := make(chan bool, runtime.NumCPU())
	for i, f := range files {
		turns <- true
		group.Go(func() {
			defer func() { <-turns }()
			objects[i], failed[i] = b.object(work, f)
		})
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		return "", err
	}
	folder := key([]byte(strings.Join(objects, " "))) // the name says the content: a program loads the same one twice
	return b.make(filepath.Join(folder, "libcuda.so.1"), append([]string{"-shared", "-pthread", "-Wl,-soname,libcuda.so.1"}, objects...))
}

func (b *builder) object(work, file string) (string, error) {
	text, err := withIncluded(file, map[string]bool{})
	if err != nil {
		return "", err
	}
	name := strings.TrimSuffix(filepath.Base(file), ".cpp") + "-" + key(b.how, text) + ".o"
	return b.make(name, append(b.flags[:len(b.flags):len(b.flags)], "-c", filepath.Join(work, file)))
}

var include = regexp.MustCompile(`(?m)^#include "(.+)"$`)

// withIncluded is all text that an object is made of.
func withIncluded(file string, have map[string]bool) ([]byte, error) {
	if have[file] {
		return nil, nil
	}
	have[file] = true
	text, err := sources.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := text
	for _, m := range include.FindAllSubmatch(text, -1) {
		more, err := withIncluded("src/"+string(m[1]), have)
		if err != nil {
			return nil, err
		}
		all = append(all[:len(all):len(all)], more...)
	}
	return all, nil
}

func key(parts ...[]byte) string {
	sum := sha256.New()
	for _, p := range parts {
		sum.Write(p)
	}
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

var running sync.Map // commands by what they make, so that none runs twice at once

// make runs the compiler with an output in the cache, unless it is there.
func (b *builder) make(name string, args []string) (string, error) {
	path := filepath.Join(b.cache, name)
	once, _ := running.LoadOrStore(path, sync.OnceValue(func() error {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		part := fmt.Sprintf("%s.%d", path, os.Getpid())
		defer os.Remove(part)
		if out, err := exec.Command(b.compiler, append(args, "-o", part)...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", b.compiler, err, out)
		}
		return os.Rename(part, path)
	}))
	return path, once.(func() error)()
}
