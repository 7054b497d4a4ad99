package scheduler

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// class is all that is known of one scheduler class of diffusers. Each class is one
// entry, with the functions in it, in the file of its family; adding one touches no
// other file.
type class struct {
	name string

	// aliases are classes that compute the same.
	aliases []string

	// defaults are the keys and default values of its constructor in diffusers 0.42.1:
	// the inside of a JSON object.
	defaults string

	// form is how it keeps latents.
	form form

	// exact says that it computes with ᾱ and has no list of float32 sigmas.
	exact bool

	// predictions are what prediction_type may be. Without the key there are none.
	predictions []string

	// algorithms and types are what algorithm_type and solver_type are in the class, the
	// default first. Those of other classes, foreign for algorithm_type and any for
	// solver_type, are taken for the default, so that a config can move between the classes.
	algorithms, types []string
	foreign           []string

	// check, if not nil, refuses other values of the keys that the class reads.
	check func(c *Config, k *checker)

	// levels makes the schedule of a checked number of steps. The table is nil for a
	// form without training levels.
	levels func(c *Config, t *table, steps int) (*Schedule, error)

	// visits, if not nil, says in which order the class goes through sigmas that are not
	// its own levels, and repeats whether entry i of a schedule may equal the one before.
	visits  func(c *Config, sigmas []float64) ([]float64, error)
	repeats func(c *Config, i int) bool

	// complete, if not nil, adds to the solver what the class alone knows.
	complete func(c *Config, s *Solver, t *table)

	keys map[string]json.RawMessage // the defaults, decoded
}

// form is how a class keeps its latents, and so the noise that its models were trained
// with.
type form int

const (
	bySigma            form = iota // x₀ + σ·ε, as in this package
	variancePreserving             // √ᾱ·x₀ + √(1−ᾱ)·ε, of unit variance
	preconditioned                 // x₀ + σ·ε without training levels: see Schedule.SigmaData
	flowing                        // (1−s)·x₀ + s·ε without training levels: see Schedule.Flow
)

// trained says whether the noise of training is a list of levels.
func (f form) trained() bool { return f == bySigma || f == variancePreserving }

// curvesSpanAll says whether the curves of use_karras_sigmas and its kind lie between
// the ends of all training levels, and not of the levels of timestep_spacing.
func (cl class) curvesSpanAll() bool { return cl.form == variancePreserving && !cl.exact }

// has says whether the class reads a key.
func (cl class) has(key string) bool {
	_, ok := cl.keys[key]
	return ok
}

var (
	classes     = map[string]class{}
	sameClasses = map[string]string{} // the names of those that compute the same
)

// register adds a class. It is called once for each, where the class is described.
func register(cl class) class {
	if err := json.Unmarshal([]byte("{"+cl.defaults+"}"), &cl.keys); err != nil {
		panic("scheduler: " + cl.name + ": " + err.Error())
	}
	classes[cl.name] = cl
	for _, alias := range cl.aliases {
		sameClasses[alias] = cl.name
	}
	return cl
}

// Classes returns the names of the scheduler classes that can be decoded.
func Classes() []string { return slices.Sorted(maps.Keys(classes)) }

// canonical returns the class that computes what the named one does: those for Flax,
// and those that take many steps at once, are the same as others.
func canonical(name string) string {
	name = strings.TrimPrefix(name, "Flax")
	if same, ok := sameClasses[name]; ok {
		return same
	}
	return name
}

// class returns the description of the config's class, which is empty if there is none.
func (c *Config) class() class { return classes[c.Class] }
