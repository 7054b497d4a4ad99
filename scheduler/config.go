package scheduler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sdgo/internal/pyjson"
	"sdgo/internal/quote"
)

// Config is a diffusers scheduler_config.json. Its fields are the file's keys;
// a class reads only those that it has (see [Config.Keys]), the others keep
// their zero value. Make one with [ParseConfig] or [NewConfig], which fill in
// the defaults of the class.
type Config struct {
	Class string `json:"_class_name"`

	// The noise that the model was trained with.
	NumTrainTimesteps   int       `json:"num_train_timesteps"`
	BetaStart           float64   `json:"beta_start"`
	BetaEnd             float64   `json:"beta_end"`
	BetaSchedule        string    `json:"beta_schedule"` // linear, scaled_linear, squaredcos_cap_v2, sigmoid, laplace, exp
	TrainedBetas        []float64 `json:"trained_betas"` // replaces BetaSchedule unless nil
	RescaleBetasZeroSNR bool      `json:"rescale_betas_zero_snr"`
	PredictionType      string    `json:"prediction_type"` // epsilon, v_prediction, sample

	// Which levels a run visits.
	TimestepSpacing        string   `json:"timestep_spacing"` // linspace, leading, trailing
	StepsOffset            int      `json:"steps_offset"`
	SetAlphaToOne          bool     `json:"set_alpha_to_one"` // end at σ = 0, not at the first training level
	FinalSigmasType        string   `json:"final_sigmas_type"`
	InterpolationType      string   `json:"interpolation_type"`
	TimestepType           string   `json:"timestep_type"`
	UseKarrasSigmas        bool     `json:"use_karras_sigmas"`
	UseExponentialSigmas   bool     `json:"use_exponential_sigmas"`
	UseBetaSigmas          bool     `json:"use_beta_sigmas"`
	UseLuLambdas           bool     `json:"use_lu_lambdas"`
	SigmaMin               *float64 `json:"sigma_min"`
	SigmaMax               *float64 `json:"sigma_max"`
	LambdaMinClipped       *float64 `json:"lambda_min_clipped"` // nil is -infinity
	SigmaData              float64  `json:"sigma_data"`
	SigmaSchedule          string   `json:"sigma_schedule"` // karras, exponential
	Rho                    float64  `json:"rho"`
	Shift                  float64  `json:"shift"`          // of flow matching
	ShiftTerminal          *float64 `json:"shift_terminal"` // the last level is stretched to this
	OriginalInferenceSteps int      `json:"original_inference_steps"`

	// Bounds on the estimate of the clean latents.
	ClipSample               bool    `json:"clip_sample"`
	ClipSampleRange          float64 `json:"clip_sample_range"`
	Thresholding             bool    `json:"thresholding"`
	DynamicThresholdingRatio float64 `json:"dynamic_thresholding_ratio"`
	SampleMaxValue           float64 `json:"sample_max_value"`

	// How to step.
	SkipPRKSteps     bool    `json:"skip_prk_steps"`
	SolverOrder      int     `json:"solver_order"`
	PredictorOrder   int     `json:"predictor_order"` // of SA-Solver
	CorrectorOrder   int     `json:"corrector_order"`
	AlgorithmType    string  `json:"algorithm_type"`
	SolverType       string  `json:"solver_type"`
	LowerOrderFinal  bool    `json:"lower_order_final"`
	EulerAtFinal     bool    `json:"euler_at_final"`
	VarianceType     *string `json:"variance_type"`
	PredictX0        bool    `json:"predict_x0"`
	DisableCorrector []int   `json:"disable_corrector"`
	TimestepScaling  float64 `json:"timestep_scaling"`
	Stochastic       bool    `json:"stochastic_sampling"`

	// Keys that diffusers writes and that are accepted at their default only.
	UseFlowSigmas      bool            `json:"use_flow_sigmas"`
	UseDynamicShifting bool            `json:"use_dynamic_shifting"`
	FlowShift          float64         `json:"flow_shift"`
	TimeShiftType      string          `json:"time_shift_type"`
	SolverP            json.RawMessage `json:"solver_p"`
	TauFunc            json.RawMessage `json:"tau_func"`
	InvertSigmas       bool            `json:"invert_sigmas"`
	BaseShift          *float64        `json:"base_shift"`
	MaxShift           *float64        `json:"max_shift"`
	BaseImageSeqLen    int             `json:"base_image_seq_len"`
	MaxImageSeqLen     int             `json:"max_image_seq_len"`

	// NoiseSamplerSeed is not taken into account: each picture's own seed counts. A file
	// that has one has a warning.
	NoiseSamplerSeed *int64 `json:"noise_sampler_seed"`

	// Warnings are the keys of the file that no scheduler is known to have, or that were
	// left out, one sentence each.
	Warnings []string `json:"-"`

	given map[string]json.RawMessage // every key of the file, for As
}

// ParseConfig decodes a scheduler_config.json. A key that the file leaves out
// has the default of the file's class. Keys that diffusers writes but that mean
// nothing to the class are skipped, as are those that start with "_"; a key that
// no scheduler of diffusers has is skipped with a warning, unless it is null or
// false; a value of the wrong kind or one that we do not implement is an error
// that names it.
func ParseConfig(data []byte) (*Config, error) { return ParseClass("", data) }

// ParseClass is [ParseConfig] for a file that is to be read as that of another class, or
// names none: a pipeline's model_index.json says which scheduler it has, whatever class
// saved the config. What the file's own class had by default is the default of the new
// one. With an empty class it is ParseConfig.
func ParseClass(class string, data []byte) (_ *Config, err error) {
	defer func() { err = quote.Error(err) }()
	var given map[string]json.RawMessage
	if err := pyjson.Unmarshal(data, &given); err != nil {
		return nil, fmt.Errorf("scheduler: config: %w", err)
	}
	if class == "" {
		raw, ok := given["_class_name"]
		if !ok {
			return nil, fmt.Errorf("scheduler: config: _class_name is missing")
		}
		if err := json.Unmarshal(raw, &class); err != nil {
			return nil, fmt.Errorf("scheduler: config: _class_name: have %.80s, want a string", raw)
		}
	}
	if err := pyjson.DropDefaults(given); err != nil {
		return nil, fmt.Errorf("scheduler: config: %w", err)
	}
	return newConfig(class, given)
}

// NewConfig returns the defaults of a scheduler class of diffusers, such as
// "EulerDiscreteScheduler". [Classes] lists them.
func NewConfig(class string) (*Config, error) { return newConfig(class, nil) }

// As returns the config for another scheduler class, as diffusers'
// Class.from_config(scheduler.config) does: keys that the file gave, or that
// were changed since, carry over where the class has them; the rest take its
// defaults. It is how one checkpoint runs with another sampler.
func (c *Config) As(class string) (*Config, error) {
	if c == nil {
		return nil, errNoConfig
	}
	given, err := c.explicit()
	if err != nil {
		return nil, err
	}
	return newConfig(class, given)
}

// Keys returns the keys that the config's class reads, sorted.
func (c *Config) Keys() []string {
	if c == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(c.class().keys))
}

func newConfig(class string, given map[string]json.RawMessage) (*Config, error) {
	class = canonical(class)
	spec, ok := classes[class]
	if !ok {
		return nil, fmt.Errorf("scheduler: _class_name: have %q, want one of %s", class, strings.Join(Classes(), ", "))
	}
	values := maps.Clone(spec.keys)
	for key := range given {
		if _, ok := values[key]; ok {
			values[key] = given[key]
		}
	}

	c := &Config{Class: class, given: given}
	c.Warnings = pyjson.Unknown(given, func(key string) bool {
		_, ok := values[key]
		return ok || strings.HasPrefix(key, "_") || knownElsewhere(key)
	})
	fields := c.fields()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		raw := values[key]
		if key == "lambda_min_clipped" && bytes.Equal(raw, []byte(`"-inf"`)) {
			continue // nil
		}
		if err := json.Unmarshal(raw, fields[key].Addr().Interface()); err != nil {
			return nil, fmt.Errorf("scheduler: %s: %s: have %.40s, want a value of type %s", class, key, pyjson.Python(raw), kindName(fields[key].Type()))
		}
	}
	if seed := c.NoiseSamplerSeed; seed != nil {
		c.Warnings = append(c.Warnings, fmt.Sprintf("noise_sampler_seed: have %d, which was left out: each picture's own seed counts", *seed))
	}
	if err := c.check(); err != nil {
		return c, err
	}
	c.settle()
	return c, nil
}

// settle replaces the names of other classes' algorithms and solver types by the class's
// default, as its constructor does in diffusers, so that no further class gets them.
func (c *Config) settle() {
	spec := c.class()
	if len(spec.algorithms) > 0 && !slices.Contains(spec.algorithms, c.AlgorithmType) {
		c.AlgorithmType = spec.algorithms[0]
	}
	if len(spec.types) > 0 && !slices.Contains(spec.types, c.SolverType) {
		c.SolverType = spec.types[0]
	}
}

// explicit returns the keys of c that its file gave or that differ from the
// class's defaults.
func (c *Config) explicit() (map[string]json.RawMessage, error) {
	explicit := maps.Clone(c.given)
	if explicit == nil {
		explicit = map[string]json.RawMessage{}
	}
	base, err := newConfig(c.Class, nil)
	if err != nil {
		return nil, err
	}
	have, defaults := c.fields(), base.fields()
	for key := range c.class().keys {
		value := have[key].Interface()
		if _, ok := explicit[key]; !ok && reflect.DeepEqual(value, defaults[key].Interface()) {
			continue
		}
		if explicit[key], err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("scheduler: %s: %s: %w", c.Class, key, err)
		}
	}
	return explicit, nil
}

// fields maps the config's JSON keys to its fields.
func (c *Config) fields() map[string]reflect.Value {
	v := reflect.ValueOf(c).Elem()
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("json"); key != "" && key != "-" {
			fields[key] = v.Field(i)
		}
	}
	return fields
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return kindName(t.Elem()) + " or null"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list of " + kindName(t.Elem())
	}
	return t.Kind().String()
}
