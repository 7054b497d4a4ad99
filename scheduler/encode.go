package scheduler

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"sdgo/internal/pyjson"
)

// JSON returns the config as a scheduler_config.json of diffusers: every key of the class,
// with the values that the config has now. Keys that were not changed stand as their file
// had them, keys of the file that the class does not have are left out. [ParseConfig] of
// it gives an equal config. A value that the class does not take is an error.
func (c *Config) JSON() ([]byte, error) {
	if c == nil {
		return nil, errNoConfig
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	base, err := newConfig(c.Class, c.given)
	if err != nil {
		return nil, err
	}
	values := maps.Clone(c.class().keys)
	have, as := c.fields(), base.fields()
	for key := range values {
		if raw, ok := c.given[key]; ok {
			values[key] = raw
		}
		value := have[key].Interface()
		if reflect.DeepEqual(value, as[key].Interface()) {
			continue
		}
		if values[key], err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("scheduler: %s: %s: %w", c.Class, key, err)
		}
	}
	if c.LambdaMinClipped == nil && values["lambda_min_clipped"] != nil {
		values["lambda_min_clipped"] = json.RawMessage(`"-inf"`)
	}
	for _, key := range []string{"_class_name", "_diffusers_version"} {
		if raw, ok := c.given[key]; ok {
			values[key] = raw
		}
	}
	if values["_class_name"], err = json.Marshal(c.Class); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	text, err := pyjson.Indent(values)
	if err != nil {
		return nil, fmt.Errorf("scheduler: %s: %w", c.Class, err)
	}
	return text, nil
}
