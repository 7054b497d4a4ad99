package diffusion

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"sdgo/clip"
	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// textFiles are the files of a model that are not weights.
var textFiles = []string{"model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json", "text_encoder/config.json",
	"tokenizer/tokenizer_config.json", "tokenizer/special_tokens_map.json", "tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer/added_tokens.json", "tokenizer/tokenizer.json"}

// FuzzModelFile replaces one file of a model: it is refused, or makes a picture, soon.
func FuzzModelFile(f *testing.F) {
	base := golden.Model(f, "tiny-sd15").(fstest.MapFS)
	for i, name := range textFiles {
		if file, ok := base[name]; ok {
			f.Add(uint8(i), file.Data)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		m := maps.Clone(base)
		m[textFiles[int(which)%len(textFiles)]] = &fstest.MapFile{Data: data}
		p, err := LoadFS(m, &LoadOptions{Threads: 1, MaxMemory: 64 << 20})
		if err != nil {
			require.ErrorContains(t, err, "diffusion: ")
			require.Less(t, len(err.Error()), 8000)
			return
		}
		defer p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for _, prompt := range []string{"a photo of a cat", "<|endoftext|> ! \xff"} {
			_, err = p.TextToImage(ctx, prompt, &Options{Width: 16, Height: 16, Steps: 1, Sampler: sampler.Euler{}})
			if err != nil {
				require.NotContains(t, err.Error(), "internal error")
			}
		}
	})
}

// FuzzConfigs checks that what a parser of a config accepts can be built.
func FuzzConfigs(f *testing.F) {
	base := golden.Model(f, "tiny-sd15").(fstest.MapFS)
	for i, name := range []string{"unet/config.json", "vae/config.json", "text_encoder/config.json"} {
		f.Add(uint8(i), base[name].Data)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		var err error
		switch which % 3 {
		case 0:
			var c unet.Config
			if c, err = unet.ParseConfig(data); err == nil {
				for i, n := range c.BlockOutChannels {
					require.True(t, n >= 1 && n%c.NormNumGroups == 0 && n%c.AttentionHeadDim.At(i) == 0 && c.LayersPerBlock.At(i) >= 1, "%+v", c)
					c.OnlyCrossAttention.At(i)
					c.CrossAttentionDim.At(i)
					c.TransformerLayersPerBlock.At(i).At(i)
				}
			}
		case 1:
			var c vae.Config
			if c, err = vae.ParseConfig(data); err == nil {
				c.TileSize()
				require.True(t, c.Factor() >= 1 && c.Factor() <= 128, "%+v", c)
			}
		default:
			var c clip.Config
			if c, err = clip.ParseConfig(data); err == nil {
				require.True(t, c.HiddenSize >= 1 && c.HiddenSize%c.NumHeads == 0, "%+v", c)
			}
		}
		if err != nil {
			require.Less(t, len(err.Error()), 20_000)
		}
	})
}

// seal puts the right checksums into a saved run, so that what they protect is reached.
func seal(data []byte) []byte {
	data = bytes.Clone(data)
	sum := func(b []byte) {
		if n := len(b) - sha256.Size; n >= 0 {
			s := sha256.Sum256(b[:n])
			copy(b[n:], s[:])
		}
	}
	for _, magic := range []string{guideMagic, keptMagic} { // these have another saved run inside
		start := len(magic) + 4
		if !bytes.HasPrefix(data, []byte(magic)) || len(data) <= start+sha256.Size {
			continue
		}
		at := start + int(binary.LittleEndian.Uint32(data[len(magic):]))
		var h struct{ Run int }
		if at < len(data) && json.Unmarshal(data[start:at], &h) == nil && h.Run > 0 && h.Run <= len(data)-at {
			copy(data[at:], seal(data[at:at+h.Run]))
		}
	}
	sum(data)
	return data
}

// FuzzResume resumes from any bytes.
func FuzzResume(f *testing.F) {
	p := loadFolder(f, golden.Model(f, "tiny-sd15"), &LoadOptions{Threads: 1})
	options := func(kind uint8) *Options {
		o := &Options{Width: 16, Height: 16, Steps: 3, Sampler: sampler.Euler{}}
		switch kind % 5 {
		case 1:
			o.Reuse.Interval = 2
		case 2:
			o.Reuse.Threshold = 0.1
		case 3:
			o.Reuse, o.Images = Reuse{Interval: 3, Threshold: 0.2, Branch: 1}, 2
		case 4:
			o.Reuse.Interval, o.Images, o.Guider = 2, 2, drift{0.5}
		}
		return o
	}
	for kind := range uint8(5) {
		o := options(kind)
		o.OnStep = func(s Step) error {
			b, err := s.Save()
			f.Add(kind, b)
			return err
		}
		_, err := p.TextToImage(f.Context(), "a", o)
		require.NoError(f, err)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		o := options(kind)
		o.Resume = seal(data)
		o.OnStep = func(s Step) error { _, err := s.Save(); return err }
		if _, err := p.TextToImage(t.Context(), "a", o); err != nil {
			require.ErrorContains(t, err, "diffusion: ")
			require.NotContains(t, err.Error(), "internal error")
		}
	})
}

// FuzzInpaint takes any picture for image and mask.
func FuzzInpaint(f *testing.F) {
	p := loadFolder(f, golden.Model(f, "tiny-sd15"), &LoadOptions{Threads: 1})
	f.Add(golden.File(f, "pipelines/input.png"), uint8(0))
	f.Add(golden.File(f, "pipelines/mask.png"), uint8(3))
	f.Add([]byte("GIF89a\x02\x00\x02\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x02\x00\x02\x00\x00\x02\x02\x84Q\x00;"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, mode uint8) {
		c, _, err := image.DecodeConfig(bytes.NewReader(data))
		if err != nil || c.Width*c.Height > 1<<16 {
			return
		}
		img, _, err := image.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		o := &Options{Width: 16, Height: 8, Steps: 1, Sampler: sampler.Euler{}, Guidance: 1,
			Mask: MaskMode(mode & 1), MaskCells: MaskCells(mode >> 1 & 1), KeepOutside: mode&4 != 0}
		result, err := p.Inpaint(t.Context(), "a", img, img, o)
		if err != nil {
			require.ErrorContains(t, err, "diffusion: ")
			require.NotContains(t, err.Error(), "internal error")
			return
		}
		for _, v := range result.Latents.Float32s() {
			require.False(t, v-v != 0, "latents of %v", v)
		}
	})
}

// FuzzNames takes any names of samplers and schedules, and any levels.
func FuzzNames(f *testing.F) {
	f.Add("DPM++ 2M Karras", "karras", 5, 1.0, 0.5)
	f.Add("euler", "ays", 1000, math.Inf(1), -1.0)
	c, err := scheduler.NewConfig("EulerDiscreteScheduler")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, label, schedule string, steps int, a, b float64) {
		if info, s, err := sampler.ParseLabel(label); err == nil {
			_, err := sampler.ByName(info.Name)
			require.NoError(t, err, strings.ToValidUTF8(label, "?"))
			if s != "" {
				c.ScheduleNamed(s, 10)
			}
		}
		sampler.ByName(label)
		if s, err := c.ScheduleNamed(schedule, steps); err == nil {
			s.Timestep(a)
			s.Tail(b)
			s.DiscardPenultimate()
		}
		if s, err := c.Custom([]float64{a, b, 0}); err == nil {
			s.Timestep(b)
			s.Tail(a)
		}
		o := &Options{Eta: a, Guidance: b, Steps: steps}
		o.withDefaults()
		o.size(steps, steps, 8)
	})
}
