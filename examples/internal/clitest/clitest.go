// Package clitest runs the example commands in tests.
package clitest

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Command is the body of an example command.
type Command func(context.Context, *cli.Command, []string) error

// Run runs a command, with nothing on its standard input, and returns its exit
// status and what it wrote.
func Run(ctx context.Context, run Command, args ...string) (status int, stdout, stderr string) {
	return RunOn(ctx, "", run, args...)
}

// RunOn is Run with a standard input.
func RunOn(ctx context.Context, stdin string, run Command, args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	c := cli.New("test", "is tested", &out, &err)
	c.Stdin = strings.NewReader(stdin)
	status = cli.Run(ctx, c, run, args)
	return status, out.String(), err.String()
}

// Fails wants a command to end with status 1 and one line on stderr that
// contains the message, and the working folder as it was.
func Fails(t *testing.T, run Command, message string, args ...string) {
	t.Helper()
	ends(t, 1, run, message, args)
}

// Misused wants the same with status 2: what the command was asked for is wrong.
func Misused(t *testing.T, run Command, message string, args ...string) {
	t.Helper()
	ends(t, 2, run, message, args)
}

func ends(t *testing.T, want int, run Command, message string, args []string) {
	t.Helper()
	before := names(t)
	status, stdout, stderr := Run(t.Context(), run, args...)
	assert.Equal(t, want, status, stderr)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, message)
	assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	assert.True(t, strings.HasSuffix(stderr, "\n"), stderr)
	assert.Equal(t, before, names(t), "a failed command changed the folder")
}

func names(t *testing.T) (names []string) {
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// ReadPNG reads a picture.
func ReadPNG(t *testing.T, name string) image.Image {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	return img
}

// WriteTurned writes a PNG file as another with EXIF metadata: pixels that are stored
// as a camera held otherwise would, and the orientation that turns them upright.
func WriteTurned(t *testing.T, from, to string, orientation int) {
	t.Helper()
	inverse := orientation
	switch orientation {
	case 6:
		inverse = 8
	case 8:
		inverse = 6
	}
	stored, err := diffusion.OrientImage(ReadPNG(t, from), inverse)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, stored))
	tiff := []byte("eXIfMM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00?\x00\x00\x00\x00\x00\x00")
	tiff[bytes.IndexByte(tiff, '?')] = byte(orientation)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(tiff)-4))
	chunk = binary.BigEndian.AppendUint32(append(chunk, tiff...), crc32.ChecksumIEEE(tiff))
	const header = 8 + 25 // signature and IHDR
	require.NoError(t, os.WriteFile(to, slices.Insert(b.Bytes(), header, chunk...), 0o644))
}

// WritePNG writes a black picture with a rectangle of one color.
func WritePNG(t *testing.T, name string, width, height int, rect image.Rectangle, c color.Color) {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Rect, image.Black, image.Point{}, draw.Src)
	draw.Draw(img, rect, image.NewUniform(c), image.Point{}, draw.Src)
	f, err := os.Create(name)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, img))
	require.NoError(t, f.Close())
}
