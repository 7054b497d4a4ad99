package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sdgo/clip"
	"sdgo/internal/ipadapter"
	"sdgo/internal/loader"
	"sdgo/internal/quote"
	"sdgo/internal/regular"
	"sdgo/safetensors/checkpoint"
)

// ipFiles are where an IP-Adapter is, and its image encoder if the caller says that.
type ipFiles struct {
	fsys     fs.FS
	name     string
	encoders fs.FS
	encoder  string
}

// openAdapter opens the adapter's file.
func (f *ipFiles) openAdapter(ctx context.Context) (checkpoint.Source, error) {
	if isDir(f.fsys, f.name) {
		if err := f.enter(); err != nil {
			return nil, err
		}
	}
	file, err := loader.OpenFile(ctx, f.fsys, f.name)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// enter takes the one adapter in a folder.
func (f *ipFiles) enter() error {
	entries, err := regular.ReadDir(f.fsys, f.name)
	if err != nil {
		return err
	}
	var found []string
	for _, e := range entries {
		name := e.Name()
		ext := path.Ext(name)
		if e.IsDir() || !strings.Contains(strings.ToLower(name), "ip-adapter") && !strings.Contains(strings.ToLower(name), "ip_adapter") {
			continue
		}
		stem := strings.TrimSuffix(name, ext)
		switch {
		case ext == ".safetensors": // before a .bin of the same name
			found = append(slices.DeleteFunc(found, func(other string) bool { return other == stem+".bin" }), name)
		case ext == ".bin" && !slices.Contains(found, stem+".safetensors"):
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return errors.New("have a folder without a file ip-adapter*.safetensors or .bin, want one with one, or the file")
	case 1:
		f.name = path.Join(f.name, found[0])
		return nil
	}
	return fmt.Errorf("have a folder with %s, want the path of one of them", quote.Lines(found, ", "))
}

// imageEncoderFolder is where adapters and pipelines have their image encoder.
const imageEncoderFolder = "image_encoder"

// openEncoder opens the image encoder for an adapter.
func (f *ipFiles) openEncoder(ctx context.Context, about *ipadapter.About) (checkpoint.Source, error) {
	name := f.encoder
	if name == "" {
		if name = path.Join(path.Dir(f.name), imageEncoderFolder); !isDir(f.encoders, name) {
			return nil, fmt.Errorf("there is no folder %s beside it, want the image encoder that it reads in IPAdapterOptions.ImageEncoder (-image-encoder): %s", imageEncoderFolder, encoderFor(about))
		}
	}
	return clip.OpenImageEncoder(ctx, f.encoders, name, "")
}

// encoderFor says which image encoder an adapter reads.
func encoderFor(about *ipadapter.About) string {
	what, names := fmt.Sprintf("one whose tokens have %d numbers", about.In), map[int]string{1024: "ViT-L/14", 1280: "ViT-H/14", 1664: "ViT-bigG/14"}
	if about.Embedding() {
		what, names = fmt.Sprintf("one whose embeddings have %d numbers", about.In), map[int]string{768: "ViT-L/14", 1024: "ViT-H/14", 1280: "ViT-bigG/14"}
	}
	if name := names[about.In]; name != "" {
		return what + ", as CLIP " + name
	}
	return what
}

// checkIPEncoder wants the image encoder to make what an adapter reads.
func checkIPEncoder(about *ipadapter.About, e *clip.ImageEncoder) error {
	have, what := e.Config.HiddenSize, "tokens"
	if about.Embedding() {
		have, what = e.Config.ProjectionDim, "embeddings"
		if !e.Projects() {
			return fmt.Errorf("the image encoder has no projection (visual_projection), want %s", encoderFor(about))
		}
	} else if e.Config.NumHiddenLayers < 2 {
		return errors.New("the image encoder has 1 layer (num_hidden_layers), want more: the adapter reads the last but one")
	}
	if have != about.In {
		return fmt.Errorf("the image encoder makes %s of %d numbers, want %s", what, have, encoderFor(about))
	}
	return nil
}

// checkIPAdapter wants an adapter that is for the pipeline's U-Net.
func (p *Pipeline) checkIPAdapter(t ipadapter.Tensors) error {
	about, err := ipadapter.Describe(t)
	if err != nil {
		return err
	}
	if have, want := about.Cross, p.UNet.Config.CrossAttentionDim.At(0); have != want {
		return fmt.Errorf("the adapter makes tokens of %d numbers%s, want %d, as the U-Net reads%s", have, forText(have), want, forText(want))
	}
	var widths []int
	for _, a := range p.UNet.CrossAttentions() {
		widths = append(widths, a.Width)
	}
	if !slices.Equal(about.Widths, widths) {
		return fmt.Errorf("the adapter is for a U-Net with %s, want one for %s", attentionsOf(about.Widths), attentionsOf(widths))
	}
	return nil
}

// attentionsOf tells attentions by their number and widths.
func attentionsOf(widths []int) string {
	kinds := slices.Compact(slices.Sorted(slices.Values(widths)))
	return fmt.Sprintf("%d attentions to the text, of %s numbers", len(widths), strings.Trim(strings.Join(strings.Fields(fmt.Sprint(kinds)), ", "), "[]"))
}
