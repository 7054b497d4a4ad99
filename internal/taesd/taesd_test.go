package taesd_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/vae"
)

// write returns a file with the tensors of tiny-taesd whose names rename does not leave
// empty.
func write(t *testing.T, rename func(half string, layer int, rest string) string) *fstest.MapFile {
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, golden.TAESD(t, rename), nil))
	return &fstest.MapFile{Data: b.Bytes(), Mode: 0o644}
}

// only are the tensors of one half alone.
func only(half string) func(string, int, string) string {
	return func(h string, layer int, rest string) string {
		if h != half {
			return ""
		}
		return golden.TAESDName(h, layer, rest)
	}
}

// files are a TAESD in all forms.
func files(t *testing.T) fstest.MapFS {
	return fstest.MapFS{
		"taesd_decoder.safetensors": write(t, only("decoder")), "taesd_encoder.safetensors": write(t, only("encoder")),
		"alone_decoder.safetensors": write(t, only("decoder")), "alone_encoder.safetensors": write(t, only("encoder")),
		"small.safetensors": write(t, func(h string, n int, rest string) string { return h + "." + golden.TAESDName(h, n, rest) }),
		"comfy.safetensors": write(t, func(h string, n int, rest string) string { return "taesd_" + h + "." + golden.TAESDName(h, n, rest) }),
		"diffusers.safetensors": write(t, func(h string, n int, rest string) string {
			return fmt.Sprintf("%s.layers.%d.%s", h, n, rest)
		}),
	}
}

func open(t *testing.T, fsys fs.FS, name string) *vae.VAE {
	src, err := vae.OpenTiny(t.Context(), fsys, name)
	require.NoError(t, err)
	v, err := vae.LoadFrom(t.Context(), src, nil)
	require.NoError(t, err)
	t.Cleanup(func() { v.Close() })
	return v
}

// In every form it is the same model as in its folder.
func TestForms(t *testing.T) {
	fsys := files(t)
	folder, err := vae.LoadFS(golden.Model(t, "tiny-taesd"), ".", nil)
	require.NoError(t, err)
	defer folder.Close()
	c := golden.Open(t, "modules/taesd")
	latents, image := engine.Tensor(c.Float32s("latent"), c.Shape("latent")...), engine.Tensor(c.Float32s("image"), c.Shape("image")...)
	decoded, err := folder.Decode(t.Context(), latents)
	require.NoError(t, err)
	encoded, err := folder.Encode(t.Context(), image)
	require.NoError(t, err)

	for _, name := range []string{"taesd_decoder", "taesd_encoder", "small", "comfy", "diffusers", "alone_decoder"} {
		if name == "alone_decoder" {
			delete(fsys, "alone_encoder.safetensors")
		}
		v := open(t, fsys, name+".safetensors")
		got, err := v.Decode(t.Context(), latents)
		require.NoError(t, err)
		assert.Equal(t, decoded.Float32s(), got.Float32s(), name)
		p, err := v.Encode(t.Context(), image)
		if name == "alone_decoder" {
			assert.ErrorIs(t, err, vae.ErrNoEncoder)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, encoded.Mean.Float32s(), p.Mean.Float32s(), name)
		assert.Empty(t, v.Config.Warnings)
		assert.Equal(t, []int{1, 2, 2, 2}, v.Config.Tiny.NumEncoderBlocks)
		assert.Equal(t, []int{2, 2, 2, 1}, v.Config.Tiny.NumDecoderBlocks)
	}
}

func TestWrong(t *testing.T) {
	fsys := files(t)
	delete(fsys, "alone_decoder.safetensors")
	fsys["gap.safetensors"] = write(t, func(h string, n int, rest string) string {
		if h == "decoder" && n == 9 {
			return ""
		}
		return h + "." + golden.TAESDName(h, n, rest)
	})
	fsys["more.safetensors"] = write(t, func(h string, n int, rest string) string {
		if h == "encoder" {
			return "x." + rest + strconv.Itoa(n)
		}
		return golden.TAESDName(h, n, rest)
	})
	fsys["other.safetensors"] = write(t, func(h string, n int, rest string) string { return fmt.Sprintf("%s.%d.net.%s", h, n, rest) })
	fsys["broken_decoder.safetensors"], fsys["broken_encoder.safetensors"] = fsys["taesd_decoder.safetensors"], &fstest.MapFile{Data: []byte("no")}
	for _, tt := range []struct{ name, want string }{
		{"alone_encoder", `^vae: taesd: alone_encoder.safetensors: have an encoder alone, want the decoder \(alone_decoder.safetensors\), too$`},
		{"gap", `^vae: taesd: the decoder: have no layer 8, want a block or a convolution$`},
		{"other", `^vae: other.safetensors: have other tensors, want those of a TAESD`},
		{"broken_decoder", `^vae: loader: .*broken_encoder.safetensors`},
		{"missing", `missing.safetensors: file does not exist`},
	} {
		_, err := vae.OpenTiny(t.Context(), fsys, tt.name+".safetensors")
		require.Error(t, err, tt.name)
		assert.Regexp(t, regexp.MustCompile(tt.want), err.Error())
	}
	v := open(t, fsys, "more.safetensors")
	require.Len(t, v.Config.Warnings, 1)
	assert.Contains(t, v.Config.Warnings[0], "tensors were left out, such as x.")
	assert.False(t, v.HasEncoder())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := vae.OpenTiny(ctx, fsys, "small.safetensors")
	assert.ErrorIs(t, err, context.Canceled)
}
