package scheduler_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/pyjson"
	"sdgo/scheduler"
)

// What JSON writes is read as the same config, of every class.
func TestJSON(t *testing.T) {
	for _, class := range scheduler.Classes() {
		c, err := scheduler.NewConfig(class)
		require.NoError(t, err, class)
		text, err := c.JSON()
		require.NoError(t, err, class)
		back, err := scheduler.ParseConfig(text)
		require.NoError(t, err, class)
		again, err := back.JSON()
		require.NoError(t, err, class)
		assert.Equal(t, string(text), string(again), class)
		assert.Equal(t, c.Keys(), back.Keys())
	}
}

// Values are those of now: the file's text where nothing was changed.
func TestJSONChanged(t *testing.T) {
	file := `{"_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.21.0", "beta_start": 8.5e-4, "solver_order": 3,
		"lambda_min_clipped": -Infinity, "skip_prk_steps": true, "some_key": 7}`
	c, err := scheduler.ParseConfig([]byte(file))
	require.NoError(t, err)
	c.SolverOrder, c.PredictionType = 2, "v_prediction"
	text, err := c.JSON()
	require.NoError(t, err)
	var have map[string]json.RawMessage
	require.NoError(t, pyjson.Unmarshal(text, &have))
	for key, want := range map[string]string{
		"_class_name": `"DPMSolverMultistepScheduler"`, "_diffusers_version": `"0.21.0"`, "beta_start": "8.5e-4",
		"solver_order": "2", "prediction_type": `"v_prediction"`, "lambda_min_clipped": `"-inf"`,
	} {
		assert.Equal(t, want, string(have[key]), key)
	}
	assert.Contains(t, string(text), `"lambda_min_clipped": -Infinity`)
	assert.NotContains(t, have, "some_key")
	assert.NotContains(t, have, "skip_prk_steps", "a key of another class")

	c.SolverOrder = 9
	_, err = c.JSON()
	assert.ErrorContains(t, err, "solver_order")
	_, err = (*scheduler.Config)(nil).JSON()
	assert.Error(t, err)
}
