package diffusion

import (
	"context"
	"fmt"
	"io/fs"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
)

// openSingleFile opens a checkpoint in one file of fsys, in the layout of the original
// code.
func openSingleFile(ctx context.Context, fsys fs.FS, name string, o *LoadOptions) (*modelFiles, error) {
	if o.Variant != "" {
		return nil, wrong("Variant", fmt.Errorf("variant: have %.80q, want none for a model in one file", o.Variant))
	}
	file, err := loader.OpenFile(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	m, err := openLDM(ctx, file, o)
	if err == nil {
		var f *modelFiles
		if f, err = newSingleFile(ctx, fsys, name, file, m, o); err == nil {
			err = f.noTokenizer
		}
		if err == nil {
			return f, nil
		}
	} else {
		err = fmt.Errorf("%s: %w", name, architecture(file, err))
	}
	file.Close()
	return nil, err
}

// newSingleFile finds out what is not in the tensors of a model in one file.
func newSingleFile(ctx context.Context, fsys fs.FS, name string, file *loader.Folder, m *ldm.Model, o *LoadOptions) (*modelFiles, error) {
	beside, err := readBeside(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	metadata := file.Metadata()
	if err := beside.readMetadata(name, metadata); err != nil {
		return nil, err
	}
	f := &modelFiles{family: m.Family, single: m, close: file.Close, names: namesOf(name, metadata)}
	f.taught.scaledImage = m.EDM != nil && m.EDM.V && m.Channels == withImage.channels(latentChannels) // CosXL Edit
	_, sized := beside.keys[ldm.UNet]["sample_size"]
	kind := f.decide(choosePrediction(m, o, beside, metadata), probe{file: name, sized: sized})
	if err := beside.apply(m, kind, o); err != nil {
		return nil, fmt.Errorf("%s: %w", beside.name, err)
	}
	for _, w := range m.Warnings() {
		f.warnings = append(f.warnings, name+": "+w)
	}
	if f.schedule, err = beside.schedule(singleSchedule(m, f.names), kind); err != nil {
		return nil, fmt.Errorf("%s: %w", beside.name, err)
	}
	f.warnings = append(f.warnings, beside.warnings...)
	f.open = func(_ context.Context, part string) (checkpoint.Source, error) { return m.Parts[part], nil }
	if err := f.singleTokenizers(ctx, besideFile(fsys, metadata), o); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if f.noTokenizer != nil {
		f.noTokenizer = fmt.Errorf("%s: %w", name, f.noTokenizer)
	}
	return f, nil
}

// architecture adds to an error what a file of GGUF says of its model, if that is none of
// Stable Diffusion's.
func architecture(file *loader.Folder, err error) error {
	switch what := file.Metadata()["general.architecture"]; what {
	case "", "sd1", "sdxl":
		return err
	default:
		return fmt.Errorf("general.architecture is %.80q: %w", what, err)
	}
}
