//go:build !unix

package atomicfile

// syncFolder does nothing: directories cannot be flushed here.
func syncFolder(string) error { return nil }
