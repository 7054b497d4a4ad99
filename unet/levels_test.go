package unet

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A value for each level, or one for all, as configs write it.
func TestLevels(t *testing.T) {
	var c struct {
		One, Each, None Ints
		Cross           Bools
	}
	require.NoError(t, json.Unmarshal([]byte(`{"One": 2, "Each": [3, 4], "None": null, "Cross": [true, false]}`), &c))
	assert.Equal(t, []int{2, 2, 3, 4, 0, 0, 0}, []int{c.One.At(0), c.One.At(5), c.Each.At(0), c.Each.At(1), c.Each.At(2), c.Each.At(-1), c.None.At(0)})
	assert.Equal(t, []bool{true, false, false}, []bool{c.Cross.At(0), c.Cross.At(1), c.Cross.At(2)})
	assert.Error(t, json.Unmarshal([]byte(`{"One": "two"}`), &c))
}
