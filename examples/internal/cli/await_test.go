package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAwait(t *testing.T) {
	v, err := await(t.Context(), func() (int, error) { return 3, nil })
	assert.NoError(t, err)
	assert.Equal(t, 3, v)
	broken := errors.New("broken")
	_, err = await(t.Context(), func() (int, error) { return 0, broken })
	assert.Equal(t, broken, err)

	ctx, cancel := context.WithCancel(t.Context())
	started, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	go func() {
		<-started
		cancel()
	}()
	_, err = await(ctx, func() (int, error) {
		close(started)
		<-end
		return 0, nil
	})
	assert.Equal(t, context.Canceled, err)
}
