// Package shop stands on lamp.
package shop

import "github.com/evenkeel-ha/evenkeel/internal/mutate/testdata/lamp"

// Power is what some lamps take.
func Power(n int) int { return lamp.Watts(n) }
