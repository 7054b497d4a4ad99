package model

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
	"sdgo/safetensors/checkpoint"
)

// empty is a checkpoint without tensors.
func empty(t *testing.T) checkpoint.Source {
	t.Helper()
	src, err := checkpoint.New(nil, nil)
	require.NoError(t, err)
	return src
}

func TestModelRunErrors(t *testing.T) {
	m, err := Load(t.Context(), "net", empty(t), LoadOptions{}, func([]byte, *nn.Params) error { return nil })
	require.NoError(t, err)
	failed := fmt.Errorf("no graph")
	err = m.Run(context.Background(), 1, func() ([]*G.Node, []*G.Node, error) { return nil, nil, failed }, nil, nil)
	assert.ErrorIs(t, err, failed)
	require.NoError(t, m.Close())
	assert.ErrorIs(t, m.Check(1, nil, 0, ""), ErrClosed)

	_, err = Load(t.Context(), "net", empty(t), LoadOptions{Precision: "int3"}, func([]byte, *nn.Params) error { return nil })
	assert.EqualError(t, err, `net: precision: have "int3", want float32, float16, bfloat16 or int8`)
}
