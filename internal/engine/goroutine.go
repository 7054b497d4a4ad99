package engine

import (
	"runtime"
	"strings"
)

// Goroutine returns a name that tells the running goroutine from all others. Go shows
// it in stack traces alone.
func Goroutine() string {
	var b [64]byte // "goroutine 18 [running]:"
	name, _, _ := strings.Cut(string(b[:runtime.Stack(b[:], false)]), " [")
	return name
}
