//go:build !unix

package safetensors

// syncDir does nothing: directories cannot be flushed here.
func syncDir(string) error { return nil }
