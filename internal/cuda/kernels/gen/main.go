//go:build gpu && cgo && linux

// Command gen compiles the kernels to PTX, for each of the architectures, and writes the
// catalogue of what is in them to package device. It is run in the kernels' folder:
//
//	go run -tags gpu ./gen -nvrtc DIR/libnvrtc.so.12 -ptxas DIR/ptxas
//
// NVRTC is that of CUDA 12.1 (nvidia-cuda-nvrtc-cu12 12.1.105 of PyPI), whose PTX drivers
// from R530 on take; ptxas (nvidia-cuda-nvcc-cu12 12.9.86) tells the registers, and
// fails if a kernel spills.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// architectures are those that PTX is made for, with those that ptxas checks it for.
var architectures = map[int][]int{75: {75}, 80: {80, 86, 89, 90, 120}}

var (
	nvrtc = flag.String("nvrtc", "libnvrtc.so.12", "NVRTC's library")
	ptxas = flag.String("ptxas", "ptxas", "the assembler")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	if err := loadNVRTC(*nvrtc); err != nil {
		return err
	}
	sources, err := filepath.Glob("*.cu")
	if err != nil || len(sources) == 0 {
		return fmt.Errorf("have no *.cu files here (%v)", err)
	}
	c := make(catalogue)
	for _, src := range sources {
		for arch, checked := range architectures {
			if err := c.add(src, arch, checked); err != nil {
				return err
			}
		}
	}
	return c.write("../../device/catalogue.go")
}

// add compiles a source for one architecture.
func (c catalogue) add(src string, arch int, checked []int) error {
	text, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	options := []string{fmt.Sprintf("--gpu-architecture=compute_%d", arch), "-I.", "--std=c++17", "-default-device", "--fmad=false"}
	ptx, err := compilePTX(src, string(text), options)
	if err != nil {
		return err
	}
	module := strings.TrimSuffix(src, ".cu")
	name := fmt.Sprintf("%s.sm_%d.ptx", module, arch)
	if err := writeGzip(name+".gz", ptx); err != nil {
		return err
	}
	c.read(module, arch, ptx)
	var wait sync.WaitGroup
	errs := make([]error, len(checked))
	used := make([]map[string]int, len(checked))
	for i, sm := range checked {
		wait.Go(func() { used[i], errs[i] = assemble(name, ptx, sm) })
	}
	wait.Wait()
	for i, sm := range checked {
		if errs[i] != nil {
			return errs[i]
		}
		for kernel, n := range used[i] {
			c[kernel].registers[sm] = n
		}
	}
	return nil
}

// writeGzip writes the same bytes for the same text.
func writeGzip(name, text string) error {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

var (
	compiling = regexp.MustCompile(`Compiling entry function '(\w+)'`)
	usage     = regexp.MustCompile(`Used (\d+) registers`)
)

// assemble runs ptxas and returns the registers of each kernel.
func assemble(name, ptx string, sm int) (map[string]int, error) {
	cmd := exec.Command(*ptxas, "-v", fmt.Sprintf("-arch=sm_%d", sm), "-", "-o", os.DevNull)
	f, err := os.CreateTemp("", name)
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(ptx)
	if err := errors(err, f.Close()); err != nil {
		return nil, err
	}
	cmd.Args[3] = f.Name()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: ptxas for sm_%d: %v\n%s", name, sm, err, out)
	}
	registers, kernel := make(map[string]int), ""
	for line := range strings.Lines(string(out)) {
		if m := compiling.FindStringSubmatch(line); m != nil {
			kernel = m[1]
		}
		if strings.Contains(line, "bytes spill stores") && !strings.Contains(line, " 0 bytes spill stores") {
			return nil, fmt.Errorf("%s: %s for sm_%d: %s", name, kernel, sm, strings.TrimSpace(line))
		}
		if m := usage.FindStringSubmatch(line); m != nil {
			registers[kernel], _ = strconv.Atoi(m[1])
		}
	}
	return registers, nil
}

func errors(list ...error) error {
	i := slices.IndexFunc(list, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return list[i]
}
