package device

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Segments take no longer than they may, as far as launches can be parted, and hold all
// launches in their order.
func TestSegments(t *testing.T) {
	small, large := Add(h100, 1, 1, 1, 1000)[0], Add(h100, 1, 1, 1, 100_000_000)[0]
	require.Less(t, small.Time(h100), 2*time.Microsecond)
	require.Greater(t, large.Time(h100), 100*time.Microsecond)
	sizes := func(pace float64, most time.Duration, count int, list ...Launch) (n []int) {
		for _, s := range Segments(list, h100, pace, most, count) {
			n = append(n, len(s))
			assert.True(t, len(s) == 1 || time.Duration(pace*float64(Time(s, h100))) <= most)
			assert.Equal(t, list[:len(s)], s)
			list = list[len(s):]
		}
		assert.Empty(t, list)
		return n
	}
	assert.Empty(t, sizes(1, time.Second, 9))
	assert.Equal(t, []int{3}, sizes(1, time.Second, 9, small, small, small))
	assert.Equal(t, []int{2, 1}, sizes(1, time.Second, 2, small, small, small))
	assert.Equal(t, []int{1, 1, 1}, sizes(20, 20*time.Microsecond, 9, small, small, small))
	assert.Equal(t, []int{2, 1, 2}, sizes(1, 20*time.Microsecond, 9, small, small, large, small, small))
}
