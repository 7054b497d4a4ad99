package engine

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A container's limit holds where it is the smaller, less what the process takes beside
// the engine.
func TestUsableMemory(t *testing.T) {
	is := func(n uint64) func() (uint64, error) { return func() (uint64, error) { return n, nil } }
	none := func() (uint64, error) { return 0, errors.New("none") }
	tests := []struct {
		name              string
		system, container func() (uint64, error)
		want              int64
	}{
		{"machine", is(64 << 30), none, 64 << 30},
		{"container", is(64 << 30), is(4 << 30), 4<<30 - Overhead},
		{"small container", is(64 << 30), is(100 << 20), 50 << 20},
		{"container without a limit", is(64 << 30), is(1<<63 - 4096), 64 << 30},
		{"container alone", none, is(1 << 30), 1<<30 - Overhead},
		{"neither", none, none, defaultMemory},
		{"absurd", is(1 << 63), none, defaultMemory},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, usable(tt.system, tt.container)) })
	}
	assert.Positive(t, machineMemory())
}
