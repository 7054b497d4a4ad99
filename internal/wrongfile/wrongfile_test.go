package wrongfile

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWrongFiles(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:19da\nsize 3438167540\n"
	for _, tt := range []struct{ data, text, binary string }{
		{pointer, "a Git LFS pointer", "a Git LFS pointer"},
		{"\n <!DOCTYPE HTML>\n<html>", "a web page", "a web page"},
		{"<html><body>", "a web page", "a web page"},
		{`{"a": "<html>"}`, "", `a text that begins with "{\"a\": \"<html>\"}"`},
		{"Entry not found", "", `a text that begins with "Entry not found"`},
		{"PK\x03\x04\x00\x00", "", "a zip archive, such as a .ckpt"},
		{"\x80\x02\x8a\x0alF\xfc\x9cF\xf9 j\xa8P\x19.", "", "a pickle, such as an old .ckpt"},
		{"\x80\x04\x95", "", "a pickle"},
		{"GGUF\x03\x00\x00\x00", "", "a GGUF file"},
		{"", "", ""},
		{"\xff\x00\x01", "", ""},
	} {
		for _, is := range []struct {
			err  error
			want string
		}{{Text([]byte(tt.data)), tt.text}, {Binary([]byte(tt.data), "safetensors"), tt.binary}} {
			if is.want == "" {
				assert.NoError(t, is.err, "%q", tt.data)
				continue
			}
			assert.ErrorContains(t, is.err, "this is "+is.want)
		}
	}
}
