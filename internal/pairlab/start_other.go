//go:build !linux

package pairlab

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// Start says that there is no lab on this system.
func Start(context.Context, Options) (*Lab, error) {
	return nil, fmt.Errorf("%w: %s has no namespaces", ErrUnavailable, runtime.GOOS)
}

func (l *Lab) shut() error { return nil }

func (l *Lab) ask(ctx context.Context, request wire.Request, files ...*os.File) (wire.Answer, error) {
	return wire.Answer{}, fmt.Errorf("%w: %s has no namespaces", ErrUnavailable, runtime.GOOS)
}
