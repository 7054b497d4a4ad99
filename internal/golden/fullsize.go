package golden

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FullSize is a list of tensors as published models have them, by the names of the
// original code, without numbers. The methods follow its modules: openaimodel.py and
// model.py of latent diffusion, and those of transformers and OpenCLIP.
//
// https://github.com/Stability-AI/generative-models
type FullSize struct {
	names  []string
	shapes map[string][]int
}

// NewFullSize returns an empty list.
func NewFullSize() *FullSize { return &FullSize{shapes: make(map[string][]int)} }

// Add adds a tensor.
func (f *FullSize) Add(name string, shape ...int) {
	if f.shapes[name] == nil {
		f.names = append(f.names, name)
	}
	f.shapes[name] = append([]int{}, shape...)
}

// layer adds a weight and the bias of its rows.
func (f *FullSize) layer(name string, shape ...int) {
	f.Add(name+".weight", shape...)
	f.Add(name+".bias", shape[0])
}

// Write writes a safetensors file of the size that it would have with numbers of two
// bytes, which it has not: the file is sparse.
func (f *FullSize) Write(t testing.TB, name string) string {
	t.Helper()
	header := make(map[string]any, len(f.names))
	end := 0
	for _, name := range f.names {
		begin, numbers := end, 1
		for _, d := range f.shapes[name] {
			numbers *= d
		}
		end += 2 * numbers
		header[name] = map[string]any{"dtype": "F16", "shape": f.shapes[name], "data_offsets": []int{begin, end}}
	}
	text, err := json.Marshal(header)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name+".safetensors")
	require.NoError(t, os.WriteFile(path, append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), 0o600))
	require.NoError(t, os.Truncate(path, int64(8+len(text)+end)))
	return path
}

// UNetSize is what openaimodel.py makes a U-Net of.
type UNetSize struct {
	In, Channels, Context, Label int // Label is 0 for none
	Mult                         []int
	Down, Up                     [][]int // blocks of each transformer, by level from the top and layer
	Middle                       int     // blocks of that in the middle; -1 for one residual block alone
	Linear                       bool
	TimeCond                     int // numbers of a guidance embedding, 0 for none
}

// UNet adds a U-Net.
func (f *FullSize) UNet(u UNetSize) {
	const p = "model.diffusion_model."
	ch, time := u.Channels, 4*u.Channels
	f.layer(p+"time_embed.0", time, ch)
	f.layer(p+"time_embed.2", time, time)
	if u.TimeCond > 0 {
		f.Add(p+"time_embedding.cond_proj.weight", ch, u.TimeCond)
	}
	if u.Label > 0 {
		f.layer(p+"label_emb.0.0", time, u.Label)
		f.layer(p+"label_emb.0.2", time, time)
	}
	f.layer(p+"input_blocks.0.0", ch, u.In, 3, 3)
	skips, n := []int{ch}, 1
	at := ch
	for i, m := range u.Mult {
		for _, depth := range u.Down[i] {
			prefix := fmt.Sprintf("%sinput_blocks.%d.", p, n)
			f.residual(prefix+"0.", at, m*ch, time)
			at = m * ch
			f.transformer(prefix+"1.", at, depth, u)
			skips, n = append(skips, at), n+1
		}
		if i < len(u.Mult)-1 {
			f.layer(fmt.Sprintf("%sinput_blocks.%d.0.op", p, n), at, at, 3, 3)
			skips, n = append(skips, at), n+1
		}
	}
	f.residual(p+"middle_block.0.", at, at, time)
	if u.Middle >= 0 {
		f.transformer(p+"middle_block.1.", at, u.Middle, u)
		f.residual(p+"middle_block.2.", at, at, time)
	}
	n = 0
	for i := len(u.Mult) - 1; i >= 0; i-- {
		for j, depth := range u.Up[i] {
			prefix := fmt.Sprintf("%soutput_blocks.%d.", p, n)
			skip := skips[len(skips)-1]
			skips, n = skips[:len(skips)-1], n+1
			f.residual(prefix+"0.", at+skip, u.Mult[i]*ch, time)
			at = u.Mult[i] * ch
			f.transformer(prefix+"1.", at, depth, u)
			if i > 0 && j == len(u.Up[i])-1 {
				f.layer(prefix+map[bool]string{true: "2", false: "1"}[depth > 0]+".conv", at, at, 3, 3)
			}
		}
	}
	f.layer(p+"out.0", ch)
	f.layer(p+"out.2", 4, ch, 3, 3)
}

func (f *FullSize) residual(p string, in, out, time int) {
	f.layer(p+"in_layers.0", in)
	f.layer(p+"in_layers.2", out, in, 3, 3)
	f.layer(p+"emb_layers.1", out, time)
	f.layer(p+"out_layers.0", out)
	f.layer(p+"out_layers.3", out, out, 3, 3)
	if in != out {
		f.layer(p+"skip_connection", out, in, 1, 1)
	}
}

func (f *FullSize) transformer(p string, c, depth int, u UNetSize) {
	if depth == 0 {
		return
	}
	shape := []int{c, c, 1, 1}
	if u.Linear {
		shape = shape[:2]
	}
	f.layer(p+"norm", c)
	f.layer(p+"proj_in", shape...)
	for k := range depth {
		b := fmt.Sprintf("%stransformer_blocks.%d.", p, k)
		for i, context := range []int{c, u.Context} {
			attn := fmt.Sprintf("%sattn%d.", b, i+1)
			f.Add(attn+"to_q.weight", c, c)
			f.Add(attn+"to_k.weight", c, context)
			f.Add(attn+"to_v.weight", c, context)
			f.layer(attn+"to_out.0", c, c)
		}
		f.layer(b+"ff.net.0.proj", 8*c, c)
		f.layer(b+"ff.net.2", c, 4*c)
		for i := range 3 {
			f.layer(fmt.Sprintf("%snorm%d", b, i+1), c)
		}
	}
	f.layer(p+"proj_out", shape...)
}
