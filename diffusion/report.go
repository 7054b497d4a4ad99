package diffusion

// Report says what a model's files are and hold, and what [Load] does with it all. Nothing
// of it comes from the numbers of weights. It is plain data.
type Report struct {
	Path      string `json:"path"`
	Container string `json:"container"` // "safetensors", "PyTorch", "GGUF" or "folder"
	Identity
	// Use is how to use what is no whole model, beside one; empty of a model, and of what
	// has no use here.
	Use string `json:"use,omitempty"`
	// Adapter says more of an adapter's file; nil of others.
	Adapter *AdapterReport `json:"adapter,omitempty"`
	// Defaults are those of the pipeline; none if Load would refuse the files.
	Defaults Defaults `json:"defaults"`

	// Parts are those of the model that have weights, where they are.
	Parts []PartReport `json:"parts"`
	// Tensors are those of the files, in their order, with what becomes of each.
	Tensors []TensorReport `json:"tensors"`
	// Missing are tensors that a part needs and has not, or not in that shape.
	Missing []MissingTensor `json:"missing,omitempty"`
	// Problems are why Load would refuse the files. There are none if it would not, as far
	// as names, shapes and configurations tell.
	Problems []string `json:"problems,omitempty"`
	// Warnings are those that the pipeline would have, see [Pipeline].
	Warnings []string `json:"warnings,omitempty"`
}

// AdapterReport is what the names and shapes of an adapter's file tell.
type AdapterReport struct {
	Kinds map[string]int `json:"kinds"`           // modules of each: "LoRA", "LoHa with DoRA"
	Ranks []int          `json:"ranks,omitempty"` // of those of low rank, each once, the lowest first
	// For is the family of models that it was made for, in words; empty if it does not tell.
	For string `json:"for,omitempty"`
}

// PartReport is a part of a model.
type PartReport struct {
	Name       string         `json:"name"` // "text_encoder", "text_encoder_2", "unet" or "vae"
	File       string         `json:"file"` // that the weights are in, or the index of the files
	Given      bool           `json:"given,omitempty"`
	Tensors    int            `json:"tensors"`
	Parameters int64          `json:"parameters"`
	Bytes      int64          `json:"bytes"`
	DTypes     map[string]int `json:"dtypes"` // tensors of each
}

// TensorReport is a tensor in a file.
type TensorReport struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	DType string `json:"dtype"`
	Bytes int64  `json:"bytes"`
	// Part is the part that reads the tensor, and As what it is called there: one name, or
	// several of what is split.
	Part string   `json:"part,omitempty"`
	As   []string `json:"as,omitempty"`
	Fate Fate     `json:"fate"`
	Why  string   `json:"why,omitempty"` // the rule by which it is ignored
}

// Fate is what becomes of a tensor.
type Fate string

// The fates of tensors.
const (
	Used    Fate = "used"
	Ignored Fate = "ignored" // by a rule, for it says nothing of a model that runs
	Unused  Fate = "unused"  // nobody knows it
	Refused Fate = "refused" // as the whole file is, or a shape
)

// MissingTensor is a tensor that a part needs.
type MissingTensor struct {
	Part string `json:"part"`
	Name string `json:"name"` // in the names of diffusers
	Want []int  `json:"want"`
	Have []int  `json:"have,omitempty"` // if it is there in another shape
}

// Bytes is how many bytes the tensors of the files take.
func (r *Report) Bytes() (n int64) {
	if r == nil {
		return 0
	}
	for _, t := range r.Tensors {
		n += t.Bytes
	}
	return n
}

// Count is how many tensors have a fate.
func (r *Report) Count(fate Fate) (n int) {
	if r == nil {
		return 0
	}
	for _, t := range r.Tensors {
		if t.Fate == fate {
			n++
		}
	}
	return n
}

// LoadError is the error of a model that [Load] refuses, with what [Inspect] says of it.
// Its message is that of Err.
type LoadError struct {
	Err    error
	Report *Report
}

// Error is what Err says.
func (e *LoadError) Error() string {
	if e.Unwrap() == nil {
		return "diffusion: load: refused"
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *LoadError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}
