package golden

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// storageOf names the classes of torch's storages.
var storageOf = map[safetensors.DType]string{
	safetensors.F32: "FloatStorage", safetensors.F16: "HalfStorage", safetensors.BF16: "BFloat16Storage", safetensors.I64: "LongStorage",
}

// Pickle returns tensors as torch.save writes a dict of them: a zip archive.
func Pickle(t testing.TB, tensors ...safetensors.Tensor) []byte {
	t.Helper()
	var file, p bytes.Buffer
	z := zip.NewWriter(&file)
	write := func(name string, data []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: "archive/" + name, Method: zip.Store})
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	text := func(s string) string { return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s }
	number := func(n int) string { return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
	tuple := func(items ...string) string { return "(" + strings.Join(items, "") + "t" }

	p.WriteString("\x80\x02}(")
	for i, x := range tensors {
		class := storageOf[x.DType]
		require.NotEmpty(t, class, "%s: %v", x.Name, x.DType)
		key := fmt.Sprint(i)
		var sizes, strides []string
		stride := x.Len()
		for _, n := range x.Shape {
			stride /= max(n, 1)
			sizes, strides = append(sizes, number(n)), append(strides, number(stride))
		}
		storage := tuple(text("storage"), "ctorch\n"+class+"\n", text(key), text("cpu"), number(x.Len())) + "Q"
		p.WriteString(text(x.Name) + "ctorch._utils\n_rebuild_tensor_v2\n" +
			tuple(storage, number(0), tuple(sizes...), tuple(strides...), "\x89", "ccollections\nOrderedDict\n)R") + "R")
		write("data/"+key, x.Bytes())
	}
	p.WriteString("u.")
	write("data.pkl", p.Bytes())
	write("byteorder", []byte("little"))
	require.NoError(t, z.Close())
	return file.Bytes()
}

// Pickled returns the tensors of a safetensors file as [Pickle] does.
func Pickled(t testing.TB, file []byte) []byte {
	t.Helper()
	f, err := safetensors.OpenFS(fstest.MapFS{"x": {Data: file}}, "x")
	require.NoError(t, err)
	defer f.Close()
	var tensors []safetensors.Tensor
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		tensors = append(tensors, x)
	}
	return Pickle(t, tensors...)
}
