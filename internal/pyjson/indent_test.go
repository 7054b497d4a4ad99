package pyjson

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The text is what Python 3.12 prints for
// json.dumps({"b": [1, {"c": None}], "a": float("-inf"), "n": 1e-05, "e": [], "s": "é<"}, indent=2, sort_keys=True, ensure_ascii=False).
func TestIndent(t *testing.T) {
	const want = `{
  "a": -Infinity,
  "b": [
    1,
    {
      "c": null
    }
  ],
  "e": [],
  "n": 1e-05,
  "s": "é<"
}
`
	var object map[string]json.RawMessage
	require.NoError(t, Unmarshal([]byte(`{"b":[1,{"c":null}],"a":-Infinity, "n":1e-05,"e":[ ],"s":"é<"}`), &object))
	text, err := Indent(object)
	require.NoError(t, err)
	assert.Equal(t, want, string(text))

	text, err = Indent(nil)
	require.NoError(t, err)
	assert.Equal(t, "{}\n", string(text))
	_, err = Indent(map[string]json.RawMessage{"k": json.RawMessage("{")})
	assert.ErrorContains(t, err, "k: ")
}
