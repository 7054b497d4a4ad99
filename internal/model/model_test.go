package model

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/loader"
	"sdgo/internal/nn"
)

func TestModelRunErrors(t *testing.T) {
	m, err := New(t.Context(), "net", loader.NewRandom(), LoadOptions{}, func(*nn.Params) error { return nil })
	require.NoError(t, err)
	failed := fmt.Errorf("no graph")
	err = m.Run(context.Background(), 1, func() ([]*G.Node, []*G.Node, error) { return nil, nil, failed }, nil, nil)
	assert.ErrorIs(t, err, failed)
	require.NoError(t, m.Close())
	assert.ErrorIs(t, m.Check(1, nil, 0, ""), ErrClosed)

	_, err = New(t.Context(), "net", loader.NewRandom(), LoadOptions{Precision: "int3"}, func(*nn.Params) error { return nil })
	assert.EqualError(t, err, `net: precision: have "int3", want float32, float16, bfloat16 or int8`)
}
