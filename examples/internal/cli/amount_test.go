package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAmount(t *testing.T) {
	var b strings.Builder
	a := NewAmount(&b, false)
	for i := range int64(1001) {
		a.Show(i, 1000)
	}
	a.Clear(true)
	assert.Equal(t, "10%\n20%\n30%\n40%\n50%\n60%\n70%\n80%\n90%\n100%\n", b.String())

	b.Reset()
	quiet := NewAmount(&b, true)
	quiet.Show(1, 1)
	assert.Empty(t, b.String())

	a.bar.columns, a.shown = func() int { return 30 }, 0
	a.Show(1, 3)
	a.Show(1, 3)
	assert.Contains(t, b.String(), "\r[#####.............] 33/100  \r")
	once := b.Len()
	a.Show(1, 3)
	assert.Equal(t, once, b.Len(), "no need to draw it again")
	a.Clear(false)
	assert.Contains(t, b.String()[once:], "\r   ")
}
